"""`rltools status`: show the progress of an experiment."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Literal

from rltools._util.console import say
from rltools._util.progress import duration
from rltools._util.text import plural
from rltools.cli.app import LOOK_UP, app
from rltools.cli.options import ExperimentFolder

if TYPE_CHECKING:
    from rltools.experiments import CellStatus

LISTED: tuple[Literal["failed", "running", "blocked"], ...] = ("failed", "running", "blocked")
"""What is listed, in this order; what is done or not begun is only counted."""
MOST = 20
"""The most cells of each status that are listed."""


@app.command(
    rich_help_panel=LOOK_UP,
    epilog="Examples: `rltools status lunarlander`, `rltools status runs/lunarlander`",
)
def status(folder: ExperimentFolder) -> None:
    """Show the progress of an experiment: which of its cells, steps such as a recording, failed or are running."""
    from rltools.experiments import experiment_status, open_experiment

    rows = experiment_status(open_experiment(folder))
    counts = Counter(row.status for row in rows)
    others = [f"{counts[name]} {name}" for name in LISTED if counts[name]]
    others += [f"{counts['waiting']} not begun"] if counts["waiting"] else []
    say(f"{counts['done']} of {plural(len(rows), 'cell')} done" + "".join(f", {part}" for part in others))
    for name in LISTED:
        chosen = [row for row in rows if row.status == name]
        for row in chosen[:MOST]:
            say(f"  {name:<8} {row.cell}{_detail(row)}")
        if len(chosen) > MOST:
            say(f"  {name:<8} and {len(chosen) - MOST} more")


def _detail(row: CellStatus) -> str:
    """What else is known of a cell."""
    if row.status == "running":
        age = "" if math.isnan(row.age) else f", last seen {duration(row.age)} ago"
        return f"  on {row.host}{age}"
    return f"  {row.error}" if row.status == "failed" else ""
