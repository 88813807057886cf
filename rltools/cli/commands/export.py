"""`rltools export`: put a page and everything it shows into one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rltools._util.console import say
from rltools.cli.app import SHOW, app
from rltools.cli.options import (
    page_path,
)


@app.command(rich_help_panel=SHOW, epilog="Example: `rltools export runs/lunarlander-ppo --out lander.html`")
def export(
    folder: Annotated[Path, typer.Argument(help="Folder of a run or of an experiment, with its page.")],
    *,
    out: Annotated[Path | None, typer.Option(help="Path of the file.", show_default="FOLDER/report.html")] = None,
) -> None:
    """Put the page, plots and replays of a run or an experiment into one file that can be sent."""
    from rltools.pages.single_file import export_report

    path = export_report(folder, page_path(out))
    say(f"Send {path} ({path.stat().st_size / 1e6:.1f} MB)")
