"""A summary as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rltools.recording._text import whole_text
from rltools.stats import Interval
from rltools.summary._estimates import Statistics

if TYPE_CHECKING:
    import pandas as pd

    from rltools.summary._summary import Summary

PER_TARGET = (
    "mean",
    "mean_absolute",
    "share",
    "standardised_mean",
    "standardised_mean_absolute",
    "standardised_share",
)


def to_table(summary: Summary) -> pd.DataFrame:
    """One row for each feature, target and action taken; statistics that the method does not have are left out."""
    import pandas as pd

    taken = {action: found for action, found in summary.by_action.items() if found.n}
    rows = [
        {
            "feature": whole_text(feature),
            "unit": whole_text(unit),
            "target": whole_text(label),
            "action": whole_text(action),
            "n": statistics.n,
            "episodes": statistics.episodes,
            "carriers": float(statistics.carriers[group]),
            **_numbers(statistics, target, group),
        }
        for action, statistics in {"": summary.overall, **taken}.items()
        for target, label in enumerate(summary.labels)
        for group, (feature, unit) in enumerate(zip(summary.features, summary.units, strict=True))
    ]
    return pd.DataFrame(rows)


def _numbers(statistics: Statistics, target: int, group: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in PER_TARGET:
        interval: Interval | None = getattr(statistics, name)
        if interval is not None:
            found[name] = float(interval.value[target, group])
            found[f"{name}_low"] = float(interval.low[target, group])
            found[f"{name}_high"] = float(interval.high[target, group])
    return found
