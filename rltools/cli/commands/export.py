"""`rltools export`: put a page into one file, or write a recording in the format of another tool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rltools._util.console import say
from rltools._util.discovery import modules_in
from rltools.cli.app import SHOW, app
from rltools.cli.completion import complete_formats, complete_runs
from rltools.cli.values import named_values, page_path
from rltools.errors import ArgumentError

# By their places alone, so that `rltools --help` loads none of them.
_FORMATS = ", ".join(name for name in modules_in("rltools.integrations") if not name.startswith("_"))


@app.command(rich_help_panel=SHOW, epilog="Example: `rltools export runs/lunarlander-ppo --to zarr`")
def export(
    folder: Annotated[Path, typer.Argument(help="Folder of a run or of an experiment.", autocompletion=complete_runs)],
    *,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help=f"Write a run, with its attributions, in another format: {_FORMATS}.",
            show_default="its page with everything that it shows, as one file",
            autocompletion=complete_formats,
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            help="Path of the file or folder; for minari the id of the data set, for mlflow and wandb of the project.",
            show_default="FOLDER/report.html; in FOLDER; minari: rltools/FOLDER-v0",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="An option of the format, for instance fps=50; may be repeated."
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> None:
    """Put the page of a run or an experiment into one file, or write a run in the format of another tool."""
    if to is None:
        from rltools.pages.single_file import export_report

        if settings:
            raise ArgumentError(f"--set {settings[0]} is an option of a format; say which one with --to")
        path = export_report(folder, page_path(None if out is None else Path(out)))
        say(f"Send {path} ({path.stat().st_size / 1e6:.1f} MB)")
        return
    from rltools.integrations import export as export_to
    from rltools.recording import open_recording

    place = export_to(open_recording(folder), to, out, overwrite=overwrite, **named_values(settings))
    say(f"Wrote {place}")
