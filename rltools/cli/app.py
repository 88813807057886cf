"""The app that every command adds itself to."""

from __future__ import annotations

from importlib import import_module

import typer

from rltools._util.discovery import modules_in
from rltools.cli.options import Version

MEASURE, SHOW, LOOK_UP = "Record and explain", "Show", "Look up"
"""The panels that `rltools --help` lists commands in."""

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
    """The app, after every file in `commands/` has added its command."""
    for name in modules_in("rltools.cli.commands"):
        import_module(f"rltools.cli.commands.{name}")
    return app
