"""Computes the mean attribution of each feature, by action."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.stats import Interval
from rltools.summary._data import SummaryData
from rltools.summary._estimates import Statistics


@dataclass(frozen=True)
class ActionMeans:
    """Mean signed attributions, a column for each action.

    Attributes:
        columns: discrete actions that were taken, or the labels of the targets if actions are not one discrete choice.
        steps: the number of steps in each column.
        mean: `[column, feature]`.
        per_action: whether columns are actions taken.
        left_out: how many actions were taken less often than those in the columns.
        never: how many actions were never taken.
    """

    columns: tuple[str, ...]
    steps: tuple[int, ...]
    mean: Interval
    per_action: bool
    left_out: int = 0
    never: int = 0

    __repr__ = short_repr

    @property
    def uncertain(self) -> np.ndarray:
        """Bool `[column, feature]`: whether the interval contains 0, or there is no interval."""
        unsure: np.ndarray = ~((self.mean.low > 0) | (self.mean.high < 0))
        return unsure


def action_means(summary: SummaryData, *, label: int = 0, standardized: bool = False, most: int = 10) -> ActionMeans:
    """Mean signed attributions at the steps of each action, in the actions' order.

    Args:
        summary: the summary of a recording.
        label: position of the label, if columns are actions taken.
        standardized: multiply by the std of the feature; only if the summary has such means.
        most: the largest number of columns: the actions taken most often, or the first labels.
    """
    if not summary.by_action:
        mean, labels = _mean(summary.overall, standardized), summary.labels[:most] if summary.n else ()
        part = Interval(*(end[: len(labels)] for end in (mean.value, mean.low, mean.high)))
        return ActionMeans(labels, (summary.n,) * len(labels), part, False, len(summary.labels) - len(labels))
    taken = [name for name, statistics in summary.by_action.items() if statistics.n]
    names = sorted(sorted(taken, key=lambda name: -summary.by_action[name].n)[:most], key=taken.index)
    means = [_mean(summary.by_action[name], standardized) for name in names]
    nothing = np.zeros((0, len(summary.features)))
    ends = ("value", "low", "high") if means else ()
    rows = [np.stack([getattr(mean, end)[label] for mean in means]) for end in ends] or [nothing] * 3
    return ActionMeans(
        tuple(names),
        tuple(summary.by_action[name].n for name in names),
        Interval(*rows),
        True,
        len(taken) - len(names),
        len(summary.by_action) - len(taken),
    )


def _mean(statistics: Statistics, standardized: bool) -> Interval:
    return (statistics.standardized_mean if standardized else None) or statistics.mean
