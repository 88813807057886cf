"""Trainings of one algorithm together: interquartile means, with intervals over the trainings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rltools.experiments.results import Results
from rltools.experiments.tables._printed import SWEEP, Column, Printed
from rltools.experiments.tables.attributions import attributions
from rltools.experiments.tables.losses import losses
from rltools.experiments.tables.returns import returns
from rltools.stats import interquartile_mean

if TYPE_CHECKING:
    import pandas as pd

PRINTED = Printed(
    "Interquartile means over trainings of one algorithm, with 95 % bootstrap intervals over trainings.",
    rows=(
        Column("Environment", "environment"),
        Column("Group", "group"),
        Column("Trainings", "trainings", "count"),
        Column("Quantity", "quantity"),
        Column("Method", "method", "name"),
        Column("Settings", "settings"),
        Column("Feature", "feature"),
    ),
    values=(
        Column("IQM", "value", "number", "low", "high"),
        Column("Smallest", "smallest", "number"),
        Column("Largest", "largest", "number"),
    ),
    reduce=lambda frame: frame[~frame["control"]],
)
WHAT = ("quantity", "method", "target", "settings", "control", "feature", "unit")


def groups(results: Results) -> pd.DataFrame:
    """A row for each group of agents, environment, point of a sweep and quantity; none without groups.

    A training is one agent; its number is the mean over the seeds of its recordings. Only what every training of the
    group has is pooled.

    Columns:
        group, environment, and `sweep.KEY` for each key that the experiment sweeps.
        quantity: "return", "loss" of return without the feature (both in units of the reward), "share" of what moves
            the target value (from 0 to 1) or "change" of the decision, as in the table `attributions`.
        method, target, settings, control: of the attribution; "" and False for returns and losses.
        feature, unit: its name and its unit; "" for returns.
        value, low, high: the interquartile mean over trainings and its 95 % interval by the bootstrap, as of rliable;
            without an interval for fewer than five trainings.
        trainings: how many.
        smallest, largest: of any training.
    """
    import pandas as pd

    frame = members(results)
    return pd.DataFrame() if frame.empty else pd.concat(list(_pooled(frame)), ignore_index=True)


def members(results: Results) -> pd.DataFrame:
    """The numbers of each training of each group, which figures show beside the pooled ones.

    Columns: those of `groups` up to `unit`, `agent`, and `value`, the mean over the seeds of its recordings.
    """
    import pandas as pd

    grouped = tuple(result for result in results if result.run.group)
    if not grouped:
        return pd.DataFrame()
    lost = losses(grouped)
    tables = [returns(grouped).assign(quantity="return"), attributions(grouped)]
    if len(lost):
        tables.insert(1, lost.assign(quantity="loss", value=lost["loss"], feature=lost["player"]))
    texts = dict.fromkeys(("method", "target", "settings", "feature", "unit"), "")
    frame = pd.concat(tables, ignore_index=True).fillna(texts)
    frame["control"] = frame["control"].eq(True)
    keys = [*_where(frame), *WHAT, "agent"]
    return frame.groupby(keys, sort=False, dropna=False)["value"].mean().reset_index()


def _where(frame: pd.DataFrame) -> list[str]:
    return ["group", "environment", *(name for name in frame.columns if str(name).startswith(SWEEP))]


def _pooled(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    where = _where(frame)
    for key, numbers in frame.groupby(where, sort=False, dropna=False):
        wide = numbers.pivot(index="agent", columns=list(WHAT), values="value")
        wide = wide[list(dict.fromkeys(numbers[list(WHAT)].itertuples(index=False, name=None)))].dropna(axis="columns")
        middle = interquartile_mean(wide.to_numpy())
        labels: dict[str, Any] = dict(zip(where, key, strict=True))
        yield wide.columns.to_frame(index=False).assign(
            **labels,
            value=middle.value,
            low=middle.low,
            high=middle.high,
            trainings=len(wide),
            smallest=wide.min().to_numpy(),
            largest=wide.max().to_numpy(),
        )[[*where, *WHAT, "value", "low", "high", "trainings", "smallest", "largest"]]
