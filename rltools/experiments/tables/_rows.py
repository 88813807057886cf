"""What the rows of all tables begin with: which run they are about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rltools.experiments.results import RunResult
from rltools.experiments.tables._printed import Column

if TYPE_CHECKING:
    import pandas as pd

RUN = (
    Column("Environment", "environment"),
    Column("Agent", "agent"),
    Column("Seed", "seed"),
)
"""The columns of a printed table that say which run a row is about."""
NAMES = ("agent", "seed", "environment", "group")


def joined(tables: Iterable[tuple[RunResult, pd.DataFrame]]) -> pd.DataFrame:
    """The tables of runs below each other; each row begins with its run.

    The first columns are `agent` (its label in the experiment), `seed` (of the first recorded episode), `environment`
    (its id), `group` (of the agents that are trainings of one algorithm; "" for none), and `sweep.KEY` for each key
    that the experiment sweeps. Without tables there are no columns.
    """
    import pandas as pd

    parts = []
    for result, table in tables:
        run = result.run
        labels = {"agent": run.label, "seed": run.seed, "environment": result.measured.environment}
        labels |= {"group": run.group or ""} | {f"sweep.{key}": value for key, value in run.point.items()}
        parts.append(table.assign(**labels)[[*labels, *table.columns]])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
