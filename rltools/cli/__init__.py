"""The command `rltools`.

Nothing heavy is imported before a command runs, so that `--help` answers at once; and nothing at all before `main` can
say that it was interrupted.
"""

from __future__ import annotations

import errno
import os
import sys

TYPE_CHECKING = False  # importing it takes as long as all else here
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rltools.cli.signals import Ending


def main() -> None:
    """Run the command; every error is one line that says what to do, and a non-zero exit.

    Exit codes: 0 done, 1 an error, 2 wrong usage, 130 interrupted, 143 terminated.
    """
    try:
        # SDL looks for a screen and a sound card that frames do not need, and complains where there are none.
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
        os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        os.environ.setdefault("MPLBACKEND", "Agg")
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")  # names of files need not be text
        from rltools.cli.signals import heard

        with heard() as ending:
            code = guarded(_run_app, ending)
    except KeyboardInterrupt:  # so early that nothing was begun
        code = _say("interrupted before anything was begun", 130)
    sys.exit(code)


def _run_app() -> object:
    from rltools.cli.app import app_with_commands

    return app_with_commands()(prog_name="rltools", standalone_mode=False)


def guarded(run: Callable[[], object], ending: Ending) -> int:
    """Run something; say in one line what went wrong, and return the exit code."""
    try:
        code = _guarded(run, ending)
    except BaseException:
        # Code of others makes an error of its own of an interrupt, above all while it is imported.
        if not ending.number:
            raise
        code = 0
    return _say(ending.message, ending.exit_code) if ending.number else code


def _guarded(run: Callable[[], object], ending: Ending) -> int:
    import warnings

    import typer

    from rltools.cli.words import as_cli_options
    from rltools.errors import ConfigError, RltoolsError

    message, code = "", 1
    try:
        if _is_somewhere():
            with warnings.catch_warnings():
                warnings.showwarning = _once()
                result = run()
            if sys.stdout is not None:
                sys.stdout.flush()
            code = result if isinstance(result, int) else 0
        else:  # what libraries make of that is hard to understand
            message = "the folder that the command is run in is not there any more; change to one that is (cd)"
    except RltoolsError as error:
        listed = isinstance(error, ConfigError)  # a line for each fault
        said = as_cli_options(str(error))
        message = said if listed else _one_line(said)
    except typer.TyperException as error:
        message, code = _usage(error), error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        message, code = ending.message, ending.exit_code
    except BrokenPipeError:
        _discard_output()  # nobody reads it any more
    except OSError as error:
        message = _one_line(_of_the_system(error))
    except Exception as error:
        if os.environ.get("RLTOOLS_DEBUG"):
            raise
        said = f"unexpected {type(error).__name__}: {error}. RLTOOLS_DEBUG=1 shows where; please report it"
        message = _one_line(said)
    return code if ending.number else _say(message, code)


def _is_somewhere() -> bool:
    try:
        os.getcwd()  # noqa: PTH109 - Path asks the same
    except OSError:
        return False
    return True


def _say(message: str, code: int) -> int:
    """Say something on standard error, if there is any, and return the exit code."""
    from rltools._util.console import say_each

    if message and sys.stderr is not None:
        try:
            say_each(f"rltools: {message}", error=True)
        except OSError:
            return code  # there is nowhere left to say it
    return code


def _one_line(message: str) -> str:
    """Other people's messages, which ours quote, may have several lines."""
    return " ".join(message.split())


def _of_the_system(error: OSError) -> str:
    """What the operating system refused, and what to do."""
    cause = error.strerror or str(error) or type(error).__name__
    if error.filename is not None:
        name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes, os.PathLike)) else error.filename
        shown = f"{name}" if len(f"{name}") <= _LONGEST else f"{str(name)[:_LONGEST]}..."
        return f"cannot use {shown}: {cause}; check that path, or name another"
    if error.errno in _OF_OUTPUT:  # files of ours are named where they are written
        _discard_output()
        return f"cannot write the output: {cause}; send it somewhere else"
    return f"the system refuses something that the command needs: {cause}. RLTOOLS_DEBUG=1 shows where"


_LONGEST = 200
_OF_OUTPUT = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def _discard_output() -> None:
    """Python would complain at its end when it cannot write what is left."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):
        sys.stdout = None


def _usage(error: Any) -> str:
    """What is wrong with how the command was written, and where its right usage is; "" after the help was shown."""
    command = error.ctx.command_path if getattr(error, "ctx", None) is not None else "rltools"
    said = _one_line(error.format_message())
    return said and f"{said}{'' if said.endswith(('.', '?')) else '.'} See `{command} --help`"


def _once() -> Callable[..., None]:
    """Shows our own warnings as one line each, without the place in the code; other people's are for developers.

    A damaged file is met by each of several readers, and named once.
    """
    from rltools._util.console import say
    from rltools.cli.words import as_cli_options

    said = set()

    def show(message: Warning | str, category: type[Warning], *place: object, **rest: object) -> None:
        text = _one_line(as_cli_options(str(message)))
        if category.__module__.startswith("rltools") and text not in said:
            said.add(text)
            say(f"rltools: {text}", error=True)

    return show
