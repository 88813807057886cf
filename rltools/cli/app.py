"""The typer application, to which every file in `commands/` adds its command."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer
import typer.core

from rltools._util.discovery import loadable
from rltools.cli.options import Version
from rltools.cli.placeholders import Placeholders

MEASURE, SHOW, LOOK_UP = "Record and explain", "Show", "Look up and begin"
"""The panels of `rltools --help`."""
TAKES_SEVERAL = "--env-kwargs"
"""The option that takes several values at once."""
_NAMED_VALUE = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)


class Group(Placeholders, typer.core.TyperGroup):
    """A group of commands."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that was typed; where a file stands in its place, the error says how to analyze it."""
        name = args[0]
        if ctx.parent is None and self.get_command(ctx, name) is None and Path(name).exists():
            ctx.fail(f"{name} is a file or folder, not a command; to analyze the agent in it: rltools analyze {name}")
        return super().resolve_command(ctx, args)


app: typer.Typer = typer.Typer(
    name="rltools",
    cls=Group,
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


@app.callback()
def rltools(*, version: Version = False) -> None:
    """What a trained reinforcement-learning agent looks at, and whether that answer can be trusted."""


class Command(Placeholders, typer.core.TyperCommand):
    """A command whose option `--env-kwargs` takes all values that follow it: `--env-kwargs size=8 wind=0.1`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse what was typed, with the option before each of its values, as click takes them."""
        return super().parse_args(ctx, list(repeated(args)))


def repeated(words: Iterable[str]) -> Iterator[str]:
    """What was typed, with `--env-kwargs` before each of the values that follow it.

    >>> list(repeated(["--env-kwargs", "size=8", "wind=0.1", "model.zip", "episodes=3"]))
    ['--env-kwargs', 'size=8', '--env-kwargs', 'wind=0.1', 'model.zip', 'episodes=3']
    """
    follows = after_option = False
    for word in words:
        if follows and not after_option and _NAMED_VALUE.fullmatch(word):
            yield TAKES_SEVERAL
        else:
            follows = word == TAKES_SEVERAL or after_option
        after_option = word == TAKES_SEVERAL
        yield word


def app_with_commands() -> typer.Typer:
    """The application with all commands: importing a file in `commands/` adds its command."""
    loadable("rltools.cli.commands")
    for info in app.registered_commands:
        if info.cls is None or info.cls is typer.core.TyperCommand:
            info.cls = Command
    return app
