"""What the rows of all tables begin with: which run they are about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rltools.experiments.results import RunResult
from rltools.experiments.tables._printed import SWEEP, Column

if TYPE_CHECKING:
    import pandas as pd

RUN = (
    Column("Environment", "environment"),
    Column("Agent", "agent"),
    Column("Seed", "seed"),
)
"""The columns of a printed table that say which run a row is about."""


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
        labels: dict[str, Any] = {"agent": run.label, "seed": run.seed, "environment": result.environment}
        labels |= {"group": run.group or ""} | {f"{SWEEP}{key}": value for key, value in run.point.items()}
        parts.append(table.assign(**labels)[[*labels, *table.columns]])
    if not parts:
        return pd.DataFrame()
    frame = pd.concat(parts, ignore_index=True)
    # Values that are not all numbers or all texts are texts, because a column of Parquet has one type.
    mixed = [name for name in frame.columns if str(name).startswith(SWEEP) and frame[name].dtype == object]
    return frame.assign(**{name: frame[name].fillna("").map(str) for name in mixed})


def by_environment(frame: pd.DataFrame, *within: str) -> pd.DataFrame:
    """The rows of each environment together, its runs in the order of the experiment, sorted by columns in each run."""
    order = frame.groupby(["agent", "seed"], sort=False).ngroup()
    ordered = frame.assign(order=order).sort_values(["environment", "order", *within], kind="stable")
    return ordered.drop(columns="order")
