"""The command `rltools`: each command turns what is typed into one call that a script could make as well.

It may import every other room. `app.py` is the typer application, `options.py` holds the options that commands share
and the table that turns arguments in error messages into options, `commands/` has one file for each command. No heavy
module is imported before a command runs, so that `--help` answers immediately, and none of ours before `main` can catch
an interrupt. Read `main` below first.
"""

from __future__ import annotations

import errno
import os
import sys

TYPE_CHECKING = False  # importing it takes as long as everything else here
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rltools.cli.signals import EndRequest


def main() -> None:
    """Run the command; an error is printed as one line that says what to do.

    Exit codes: 0 done, 1 an error, 2 wrong usage, 130 interrupted, 143 terminated.
    """
    try:
        # SDL looks for a screen and a sound card, which frames do not need, and complains if there are none.
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
        os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        os.environ.setdefault("MPLBACKEND", "Agg")
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")  # file names need not be valid text
        from rltools.cli.signals import catch_signals

        with catch_signals() as request:
            code = guarded(_run_app, request)
    except KeyboardInterrupt:  # before the command has begun
        code = _print_error("interrupted before the command began", 130)
    sys.exit(code)


def _run_app() -> object:
    from rltools.cli.app import app_with_commands

    return app_with_commands()(prog_name="rltools", standalone_mode=False)


def guarded(run: Callable[[], object], request: EndRequest) -> int:
    """Call a function, print in one line what went wrong, and return the exit code."""
    try:
        code = _guarded(run, request)
    except BaseException:
        # Third-party code may turn an interrupt into an error of its own, above all while it is imported.
        if not request.number:
            raise
        code = 0
    return _print_error(request.message, request.exit_code) if request.number else code


def _guarded(run: Callable[[], object], request: EndRequest) -> int:
    import warnings

    import typer

    from rltools.cli.messages import message_with_options
    from rltools.errors import ConfigError, RltoolsError

    message, code = "", 1
    try:
        if _working_directory_exists():
            with warnings.catch_warnings():
                warnings.showwarning = _warning_printer()
                result = run()
            if sys.stdout is not None:
                sys.stdout.flush()
            code = result if isinstance(result, int) else 0
        else:  # the errors that libraries raise here are hard to understand
            message = "the working directory no longer exists; change to another one (cd)"
    except RltoolsError as error:
        text = message_with_options(error)
        message = text if isinstance(error, ConfigError) else _one_line(text)  # a ConfigError has a line for each fault
    except typer.TyperException as error:
        message, code = _usage_message(error), error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        message, code = request.message, request.exit_code
    except BrokenPipeError:
        _discard_output()  # the reader of the output has ended
    except OSError as error:
        message = _one_line(_system_message(error))
    except Exception as error:
        if os.environ.get("RLTOOLS_DEBUG"):
            raise
        message = _one_line(
            f"unexpected {type(error).__name__}: {error}. RLTOOLS_DEBUG=1 shows where; please report it"
        )
    return code if request.number else _print_error(message, code)


def _working_directory_exists() -> bool:
    try:
        os.getcwd()  # noqa: PTH109 - Path does the same
    except OSError:
        return False
    return True


def _print_error(message: str, code: int) -> int:
    """Print a message on standard error, if there is any, and return the exit code."""
    from rltools._util.console import say
    from rltools.cli.screen import wrapped_error

    if message and sys.stderr is not None:
        try:
            say(*wrapped_error(f"rltools: {message}"), error=True)
        except OSError:
            return code  # standard error cannot be written to either
    return code


def _one_line(message: str) -> str:
    """A message in one line; messages of other libraries, which ours quote, may have several."""
    return " ".join(message.split())


def _system_message(error: OSError) -> str:
    """A message on what the operating system refused, and what to do."""
    cause = error.strerror or str(error) or type(error).__name__
    if error.filename is not None:
        name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes, os.PathLike)) else error.filename
        path = f"{name}" if len(f"{name}") <= _LONGEST_PATH else f"{str(name)[:_LONGEST_PATH]}..."
        return f"cannot use {path}: {cause}; check that path, or use another one"
    if error.errno in _OUTPUT_ERRORS:  # errors of our own files name the file
        _discard_output()
        return f"cannot write the output: {cause}; redirect it elsewhere"
    return f"the system refuses something that the command needs: {cause}. RLTOOLS_DEBUG=1 shows where"


_LONGEST_PATH = 200
_OUTPUT_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def _discard_output() -> None:
    """Discard the rest of the output: Python complains at exit if it cannot write it."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):
        sys.stdout = None


def _usage_message(error: Any) -> str:
    """A message on what is wrong with the command line, and where its usage is explained; "" after the help."""
    command = error.ctx.command_path if getattr(error, "ctx", None) is not None else "rltools"
    text = _one_line(error.format_message())
    return text and f"{text}{'' if text.endswith(('.', '?')) else '.'} See `{command} --help`"


def _warning_printer() -> Callable[..., None]:
    """A `showwarning` that prints each rltools warning on one line; warnings of libraries are for developers.

    A repeated message, for instance about a damaged file that is read several times, is printed once.
    """
    from rltools._util.console import say
    from rltools.cli.messages import message_with_options
    from rltools.cli.screen import wrapped_error

    printed = set()

    def show(message: Warning | str, category: type[Warning], *position: object, **rest: object) -> None:
        text = _one_line(message if isinstance(message, str) else message_with_options(message))
        if category.__module__.startswith("rltools") and text not in printed:
            printed.add(text)
            say(*wrapped_error(f"rltools: {text}"), error=True)

    return show
