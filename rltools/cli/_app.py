"""The command that the others belong to."""

from __future__ import annotations

import typer

from rltools.cli._options import Version

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
