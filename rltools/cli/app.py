"""The typer application, to which every file in `commands/` adds its command."""

from __future__ import annotations

import typer

from rltools._util.discovery import loadable
from rltools.cli.options import Version

MEASURE, SHOW, LOOK_UP = "Record and explain", "Show", "Look up"
"""The panels of `rltools --help`."""

app = typer.Typer(
    name="rltools",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


@app.callback()
def rltools(*, version: Version = False) -> None:
    """What a trained reinforcement-learning agent looks at, and whether that answer can be trusted."""


def app_with_commands() -> typer.Typer:
    """The application with all commands: importing a file in `commands/` adds its command."""
    loadable("rltools.cli.commands")
    return app
