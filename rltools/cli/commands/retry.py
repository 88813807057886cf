"""`rltools retry`: let failed cells of an experiment be done again."""

from __future__ import annotations

from typing import Annotated

import typer

from rltools._util.console import say
from rltools._util.text import plural
from rltools.cli.app import MEASURE, app
from rltools.cli.options import ExperimentFolder


@app.command(rich_help_panel=MEASURE, epilog="Example: `rltools retry runs/lunarlander --dry-run`")
def retry(
    folder: ExperimentFolder,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="Retry cells that failed (the default).")] = False,
    abandoned: Annotated[
        bool, typer.Option("--abandoned", help="Retry cells whose process ended before they were done.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print which cells would be retried.")] = False,
) -> None:
    """Let failed or abandoned cells of an experiment be done again, by the next run or by one that still goes on."""
    from rltools.experiments import open_experiment, retry_cells

    cells = retry_cells(open_experiment(folder), failed=failed or not abandoned, abandoned=abandoned, dry_run=dry_run)
    say(*(f"  {cell}" for cell in cells))
    verb = "would be" if dry_run else "may be"
    say(f"{plural(len(cells), 'cell')} {verb} done again" + ("" if dry_run or not cells else ": run it again"))
