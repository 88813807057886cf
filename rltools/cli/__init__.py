"""The command `rltools`.

Nothing heavy is imported before a command runs, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

INTERRUPTED = 130


def main() -> None:
    """Run the command; every error is one line that says what to do, and a non-zero exit.

    Exit codes: 0 done, 1 an error, 2 wrong usage, 130 interrupted.
    """
    # SDL looks for a screen and a sound card that frames do not need, and complains where there are none.
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    os.environ.setdefault("MPLBACKEND", "Agg")
    from rltools.cli import _commands, _showing  # noqa: F401 - they add themselves to the app
    from rltools.cli._app import app

    sys.exit(guarded(lambda: app(prog_name="rltools", standalone_mode=False)))


def guarded(run: Callable[[], object]) -> int:
    """Run something; say in one line what went wrong, and return the exit code."""
    import warnings

    import typer

    from rltools.cli._words import as_typed
    from rltools.errors import ConfigError, RltoolsError

    try:
        with warnings.catch_warnings():
            warnings.showwarning = _once()
            result = run()
        if result == INTERRUPTED:  # what typer makes of Ctrl-C
            raise KeyboardInterrupt
        return result if isinstance(result, int) else 0
    except RltoolsError as error:
        listed = isinstance(error, ConfigError)  # a line for each fault
        said = as_typed(str(error))
        return _say(said if listed else _one_line(said), 1)
    except typer.TyperException as error:
        return _say(_usage(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _say(
            "interrupted; every finished episode is saved, and the same command carries on from there", INTERRUPTED
        )
    except BrokenPipeError:
        # Nobody reads the output any more, and Python would complain when it flushes it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("RLTOOLS_DEBUG"):
            raise
        said = f"unexpected {type(error).__name__}: {error}. RLTOOLS_DEBUG=1 shows where; please report it"
        return _say(_one_line(said), 1)


def _say(message: str, code: int) -> int:
    from rltools.console import say_each

    if message:
        say_each(f"rltools: {message}", error=True)
    return code


def _one_line(message: str) -> str:
    """Other people's messages, which ours quote, may have several lines."""
    return " ".join(message.split())


def _usage(error: Any) -> str:
    """What is wrong with how the command was written, and where its right usage is; "" after the help was shown."""
    command = error.ctx.command_path if getattr(error, "ctx", None) is not None else "rltools"
    said = _one_line(error.format_message())
    return said and f"{said}{'' if said.endswith(('.', '?')) else '.'} See `{command} --help`"


def _once() -> Callable[..., None]:
    """Shows our own warnings as one line each, without the place in the code; other people's are for developers.

    A damaged file is met by each of several readers, and named once.
    """
    from rltools.cli._words import as_typed
    from rltools.console import say

    said = set()

    def show(message: Warning | str, category: type[Warning], *place: object, **rest: object) -> None:
        text = _one_line(as_typed(str(message)))
        if category.__module__.startswith("rltools") and text not in said:
            said.add(text)
            say(f"rltools: {text}", error=True)

    return show
