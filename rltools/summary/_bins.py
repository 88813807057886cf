"""Means of steps that fall into bins, with intervals over episodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rltools.summary._estimates import Bootstrap, Interval, Named


@dataclass(frozen=True)
class BinSums:
    """What each episode adds to each bin.

    Attributes:
        counts: float `[episode, bin]`, its weight there, 0 where it has no such step.
        totals: float `[episode, bin, k]`, what is averaged, times that weight.
    """

    counts: np.ndarray
    totals: np.ndarray


def sums_of(bins: np.ndarray, episodes: np.ndarray, values: np.ndarray, number: int) -> BinSums:
    """The sums of steps: every step has the same weight.

    Args:
        bins: int64 `[step]`, the bin of each.
        episodes: int64 `[step]`.
        values: float `[step, k]`.
        number: of bins.
    """
    rows = int(episodes.max()) + 1 if len(episodes) else 0
    counts, totals = np.zeros((rows, number)), np.zeros((rows, number, values.shape[1]))
    np.add.at(counts, (episodes, bins), 1)
    np.add.at(totals, (episodes, bins), values)
    return BinSums(counts, totals)


def binned_means(sums: BinSums, bootstrap: Bootstrap) -> Interval:
    """The mean of each bin: `[bin, k]`, NaN where it is empty, each resampled over the episodes that have such steps.

    A bin that few episodes reach would else be empty in some of the draws, and have no interval.
    """
    reached = sums.counts > 0
    shape = sums.totals.shape[1:]
    value, low, high = (np.full(shape, np.nan) for _ in range(3))
    patterns, pattern_of = np.unique(reached, axis=1, return_inverse=True)
    for at, used in enumerate(patterns.T):
        bins = np.flatnonzero(pattern_of.ravel() == at)
        if not used.any():
            continue
        counts, totals = sums.counts[np.ix_(used, bins)], sums.totals[np.ix_(used, bins)]
        found = bootstrap.intervals(_means(counts, totals), int(used.sum()))["mean"]
        value[bins], low[bins], high[bins] = found.value, found.low, found.high
    return Interval(value, low, high)


def _means(counts: np.ndarray, totals: np.ndarray) -> Callable[[np.ndarray], Named]:
    def statistic(weights: np.ndarray) -> Named:
        return {"mean": np.tensordot(weights, totals, 1) / (weights @ counts)[..., None]}

    return statistic
