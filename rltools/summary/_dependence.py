"""Measures how the attribution of a feature depends on its value, and on other features."""

from __future__ import annotations

from collections.abc import Mapping
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


_GAP = 0.06
"""A part of the range of values without steps that is longer than this is a gap, which no line crosses."""
_NEAR = 0.04
"""A mean farther from every step of its bin than this part of the range of attributions lies where no step is."""


@dataclass(frozen=True)
class Curve:
    """The mean attribution of a feature along its values.

    Attributes:
        centers: float `[bin]`, the mean value of the steps in each bin.
        mean: `[bin]`, their mean attribution.
        few: whether each bin holds a single value, because the feature takes few values.
        supported: bool `[bin]`, whether there are steps near the mean, so that a line may go through it.
        joined: bool `[bin]`, whether there are steps all the way from the bin before.
    """

    centers: np.ndarray
    mean: Interval
    few: bool
    supported: np.ndarray
    joined: np.ndarray

    __repr__ = short_repr


@dataclass(frozen=True)
class Dependence:
    """How the attribution of a feature depends on its value, and on what else.

    Attributes:
        curve: the mean attribution along the values, over all steps.
        by_actions: the same mean over the steps of each discrete action that was taken often enough, by its position.
        other: the position of the other feature that the attribution depends on most; None if there is none.
        correlation: magnitude of their rank correlation within a bin, from 0 to 1.
        by_action: the correlation ratio of the attribution's ranks within a bin with the action taken, from 0 to 1,
            which for two actions is the magnitude of the correlation; 0 if actions are not one discrete choice.
    """

    curve: Curve
    by_actions: Mapping[int, Curve]
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
    bins, _ = _bins_of(points.values[:, position])
    correlations, by_action = _associations_within(bins, points, points.attributions[:, position])
    correlations[position] = 0
    other = int(correlations.argmax())
    actions = np.unique(points.actions).tolist() if points.action_names else []
    of_actions = {action: np.flatnonzero(points.actions == action) for action in actions}
    return Dependence(
        _curve(points, position, np.arange(len(bins)), level),
        {action: _curve(points, position, rows, level) for action, rows in of_actions.items() if len(rows) >= IN_A_BIN},
        other if correlations[other] > 0 else None,
        float(correlations[other]),
        by_action,
    )


def _curve(points: Points, position: int, rows: np.ndarray, level: float) -> Curve:
    """The mean along the values, over some of the steps."""
    values, attributions = points.values[rows, position], points.attributions[rows][:, [position]]
    bins, few = _bins_of(values)
    number = int(bins.max()) + 1 if len(bins) else 0
    without = None if points.without is None else points.without[:, rows][:, :, [position]]
    mean = binned_means(sums_of(bins, points.episodes[rows], attributions, number, without), level, "signed")
    flat = Interval(mean.value[:, 0], mean.low[:, 0], mean.high[:, 0])
    centers = np.bincount(bins, weights=values, minlength=number) / np.maximum(np.bincount(bins, minlength=number), 1)
    supported, joined = np.zeros(number, bool), np.zeros(number, bool)
    reach = _NEAR * float(np.ptp(points.attributions[:, position])) if len(points.values) else 0.0
    gap = _GAP * float(np.ptp(points.values[:, position])) if len(points.values) else 0.0
    ordered = np.sort(values)
    for bin_number, center in enumerate(centers):
        of_bin = bins == bin_number
        near = np.abs(attributions[of_bin, 0] - flat.value[bin_number]).min() <= reach
        supported[bin_number] = near and np.abs(values[of_bin] - center).min() <= gap
        before = ordered[(ordered >= centers[bin_number - 1]) & (ordered <= center)] if bin_number else ordered[:0]
        ends = np.concatenate([centers[bin_number - 1 : bin_number], before, [center]])
        joined[bin_number] = bool(bin_number) and np.diff(ends).max() <= gap
    return Curve(centers, flat, few, supported, joined)


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
