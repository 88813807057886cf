"""`rltools export`: a page and all that it shows in one file."""

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
    folder: Annotated[Path, typer.Argument(help="Of a run or of an experiment, with its page.")],
    *,
    out: Annotated[Path | None, typer.Option(help="Where the file goes.", show_default="FOLDER/report.html")] = None,
) -> None:
    """Put a run's or an experiment's page, pictures and replays into one file that can be sent."""
    from rltools.pages.report import export_report

    path = export_report(folder, page_path(out))
    say(f"Send {path} ({path.stat().st_size / 1e6:.1f} MB)")
