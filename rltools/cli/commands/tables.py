"""`rltools tables`: write the tables of an experiment, or print one."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from rltools._util.console import as_text, say, say_as_it_is
from rltools._util.text import plural
from rltools.cli.app import SHOW, app
from rltools.cli.options import ExperimentFolder


@app.command(
    rich_help_panel=SHOW,
    epilog="Examples: `rltools tables lunarlander`, `rltools tables runs/lunarlander losses --format tex`",
)
def tables(
    folder: ExperimentFolder,
    name: Annotated[
        str | None, typer.Argument(help="A table to print, for instance losses.", show_default="write all")
    ] = None,
    *,
    kind: Annotated[
        Literal["text", "csv", "tex"],
        typer.Option("--format", help="Format of a printed table; tex is LaTeX with booktabs."),
    ] = "text",
) -> None:
    """Write the tables of an experiment as CSV, Parquet and LaTeX, or print one; runs that are missing are left out."""
    from rltools.experiments import open_results
    from rltools.experiments.tables import FOLDER, find_table, write_tables

    table = None if name is None else find_table(name)
    output = open_results(folder)
    if table is None:
        results = output.page.parent  # `folder` may be the name of a folder in runs
        for made, frame in write_tables(results, output.results).items():
            say(f"{made:<13} {plural(len(frame), 'row')}")
        say(f"Written to {results / FOLDER}, each as .csv, .parquet and .tex")
        return
    frame = table.make(output.results)
    if frame.empty:
        say(f"{table.name} has no rows: the experiment measured nothing of it")
        return
    if kind == "text":
        cells = table.cells(frame)
        lines = _aligned([list(cells.headings), *([text for text, _ in row] for row in cells.rows)])
    else:
        lines = (frame.to_csv(index=False, lineterminator="\n") if kind == "csv" else table.latex(frame)).splitlines()
    say_as_it_is(*map(as_text, lines))


def _aligned(rows: list[list[str]]) -> list[str]:
    """The lines of a table whose columns are as wide as their longest text.

    >>> _aligned([["Agent", "Loss"], ["ppo", "3"], ["", "12"]])
    ['Agent  Loss', 'ppo    3', '       12']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
