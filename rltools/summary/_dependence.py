"""Measures how the attribution of a feature depends on its value, and on other features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.stats import Interval
from rltools.summary._bins import binned_means, sums_of
from rltools.summary._points import Points

BINS = 20
IN_A_BIN = 25
"""The fewest steps in a bin; with fewer steps there are fewer bins."""
FEW_VALUES = 12
"""The most different values of a feature for which each value gets a bin."""
SEVERAL = 5


@dataclass(frozen=True)
class Dependence:
    """The mean attribution of a feature along its values.

    Attributes:
        centers: float `[bin]`, the mean value of the steps in each bin.
        mean: `[bin]`, their mean attribution.
        few: whether each bin holds a single value, because the feature takes few values.
        other: the position of the other feature that the attribution depends on most; None if there is none.
        correlation: magnitude of their rank correlation within a bin, from 0 to 1.
        by_action: the correlation ratio of the attribution's ranks within a bin with the action taken, from 0 to 1,
            which for two actions is the magnitude of the correlation; 0 if actions are not one discrete choice.
    """

    centers: np.ndarray
    mean: Interval
    few: bool
    other: int | None
    correlation: float
    by_action: float

    __repr__ = short_repr


def value_dependence(points: Points, position: int, *, level: float = 0.95) -> Dependence:
    """The mean attribution of a feature along its values, and what else it depends on.

    Bins hold about equally many steps. Other features are correlated with the attribution within a bin, where the
    feature's own value hardly changes; magnitudes of correlations are averaged over the bins, so that an influence
    counts even if its sign changes along the values.

    Args:
        points: the explained steps.
        position: the position of the feature.
        level: the level of the intervals, over episodes and draws.
    """
    values, attributions = points.values[:, position], points.attributions[:, [position]]
    bins, single_values = _bins_of(values)
    number = int(bins.max()) + 1 if len(bins) else 0
    counts = np.bincount(bins, minlength=number)
    without = None if points.without is None else points.without[:, :, [position]]
    mean = binned_means(sums_of(bins, points.episodes, attributions, number, without), level, "signed")
    correlations, by_action = _associations_within(bins, points, attributions[:, 0])
    correlations[position] = 0
    other = int(correlations.argmax())
    flat = Interval(mean.value[:, 0], mean.low[:, 0], mean.high[:, 0])
    other_position = other if correlations[other] > 0 else None
    centers = np.bincount(bins, weights=values, minlength=number) / np.maximum(counts, 1)
    return Dependence(centers, flat, single_values, other_position, float(correlations[other]), by_action)


def _bins_of(values: np.ndarray) -> tuple[np.ndarray, bool]:
    """Int64 `[step]`, the bin of each step, all of them used; and whether each is a single value."""
    different = np.unique(values)
    if len(different) <= min(FEW_VALUES, len(values) // SEVERAL):
        return np.searchsorted(different, values), True
    number = min(BINS, max(1, len(values) // IN_A_BIN))
    inner = np.quantile(values, np.linspace(0, 1, number + 1)[1:-1])
    # A very frequent value fills several bins; the bins between its edges are empty and are dropped.
    _, bins = np.unique(np.searchsorted(inner, values, side="right"), return_inverse=True)
    return bins.reshape(values.shape), False


def _associations_within(bins: np.ndarray, points: Points, attributions: np.ndarray) -> tuple[np.ndarray, float]:
    """Magnitudes of correlations within bins, averaged over steps: of each feature `[group]`, and of the action."""
    from scipy.stats import rankdata

    by_feature, by_action = np.zeros(points.values.shape[1]), 0.0
    for bin_number in np.unique(bins):
        rows = bins == bin_number
        others, own = (rankdata(part[rows], axis=0) for part in (points.values, attributions))
        others, own = others - others.mean(axis=0), own - own.mean()
        spread = float((own**2).sum())
        size = np.sqrt((others**2).sum(axis=0) * spread)
        by_feature += rows.mean() * np.divide(np.abs(own @ others), size, out=np.zeros_like(size), where=size > 0)
        if points.action_names and spread > 0:
            _, action, counts = np.unique(points.actions[rows], return_inverse=True, return_counts=True)
            between = float((np.bincount(action, weights=own) ** 2 / counts).sum())
            by_action += rows.mean() * float(np.sqrt(between / spread))
    return by_feature, by_action
