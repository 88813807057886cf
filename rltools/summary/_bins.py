"""Computes means of steps that fall into bins, with intervals over episodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.stats import Interval, Kind, Named, jackknife


@dataclass(frozen=True)
class BinSums:
    """The sums of each episode over each bin.

    Attributes:
        counts: float `[episode, bin]`, the weight of the episode in the bin, 0 if it has no step there.
        totals: float `[episode, bin, k]`, the averaged values times that weight.
        without: float `[block, episode, bin, k]`, the same with each block of draws left out; None without draws.
    """

    counts: np.ndarray
    totals: np.ndarray
    without: np.ndarray | None = None

    __repr__ = short_repr


def sums_of(
    bins: np.ndarray, episodes: np.ndarray, values: np.ndarray, number: int, without: np.ndarray | None = None
) -> BinSums:
    """The sums over steps, all with the same weight.

    Args:
        bins: int64 `[step]`, the bin of each step.
        episodes: int64 `[step]`, the episode of each step.
        values: float `[step, k]`, the values to average.
        number: how many bins there are.
        without: float `[block, step, k]`, the values with each block of draws left out; None without draws.
    """
    rows = int(episodes.max()) + 1 if len(episodes) else 0
    counts, totals = np.zeros((rows, number)), np.zeros((rows, number, values.shape[1]))
    np.add.at(counts, (episodes, bins), 1)
    np.add.at(totals, (episodes, bins), values)
    if without is None:
        return BinSums(counts, totals)
    of_blocks = np.zeros((len(without), *totals.shape))
    for block, of_block in zip(of_blocks, without, strict=True):
        np.add.at(block, (episodes, bins), of_block)
    return BinSums(counts, totals, of_blocks)


def binned_means(sums: BinSums, level: float, kind: Kind) -> Interval:
    """The mean of each bin, `[bin, k]`, with an interval over the episodes that reach it; NaN for empty bins.

    Args:
        sums: the sums of each episode.
        level: the level of the intervals.
        kind: the kind of the means: "positive" for magnitudes.
    """
    reached = sums.counts > 0
    shape = sums.totals.shape[1:]
    value, low, high = (np.full(shape, np.nan) for _ in range(3))
    patterns, pattern_of = np.unique(reached, axis=1, return_inverse=True)
    for pattern, reaching in enumerate(patterns.T):
        bins = np.flatnonzero(pattern_of.ravel() == pattern)
        if not reaching.any():
            continue
        without_draws = []
        if sums.without is not None:
            of_bins = sums.without[:, reaching][:, :, bins].sum(axis=1)
            without_draws = [
                np.repeat(sums.counts[np.ix_(reaching, bins)].sum(axis=0)[None], len(of_bins), axis=0),
                of_bins,
            ]
        means = jackknife(
            _means, (sums.counts[np.ix_(reaching, bins)], sums.totals[np.ix_(reaching, bins)]), without_draws
        )[""]
        ends = means.reported(level, kind)
        value[bins], low[bins], high[bins] = ends.value, ends.low, ends.high
    return Interval(value, low, high)


def _means(count: np.ndarray, total: np.ndarray) -> Named:
    return {"": total / count[..., None]}
