"""Rank agreement: how alike two orders are over episodes, and how alike unrelated orders are by chance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import permutations
from math import sqrt

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.stats._intervals import Jackknife

FEWEST_RANKED = 3
"""Two things have only two orders: their ranks agree by chance half the time."""
COUNTED = 8
"""Up to this many things (40,320 orders) all orders are counted; for more, Student's t is as good."""


def normalized_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks along the last axis, centered and of length 1: the product of two of them is Spearman's correlation.

    Args:
        values: float `[..., thing]`.

    Returns:
        float64 of the same shape; NaN if all things are equal, which have no order.
    """
    from scipy.stats import rankdata

    ranks = rankdata(values, axis=-1) if values.size else np.asarray(values, dtype=np.float64)
    centered = ranks - ranks.mean(axis=-1, keepdims=True) if ranks.size else ranks
    length = np.linalg.norm(centered, axis=-1, keepdims=True)
    normalized: np.ndarray = np.divide(centered, length, out=np.full(centered.shape, np.nan), where=length > 0)
    return normalized


@dataclass(frozen=True)
class EpisodeRanks:
    """How things rank in each episode.

    Attributes:
        ranks: float `[episode, thing]`, normalized ranks; NaN in episodes in which all things are equal.
        without: float `[block, episode, thing]`, the same without each block of draws that all steps share, for
            instance the references; None if nothing was drawn, or the blocks were not recorded.
        references: identifies the states that values are compared with; "" if there are none.
    """

    ranks: np.ndarray
    without: np.ndarray | None = None
    references: str = ""

    __repr__ = short_repr


def episode_ranks(sizes: np.ndarray, without: np.ndarray | None = None, references: str = "") -> EpisodeRanks:
    """The ranks of things with these sizes.

    Args:
        sizes: float `[episode, thing]`.
        without: float `[block, episode, thing]`, without each block of draws; None if there are none.
        references: identifies the states that values are compared with.
    """
    return EpisodeRanks(normalized_ranks(sizes), None if without is None else normalized_ranks(without), references)


def rank_agreement(first: EpisodeRanks, second: EpisodeRanks, *, paired: bool) -> Jackknife | None:
    """The mean of Spearman's rank correlation over episodes; None if nothing can be compared.

    Args:
        first: of the same things as `second`, at least three.
        second: the other ranks.
        paired: whether both have the same episodes, which are compared one by one; otherwise every episode of one is
            compared with every episode of the other.
    """
    if first.ranks.shape[1] != second.ranks.shape[1] or first.ranks.shape[1] < FEWEST_RANKED:
        return None
    return _by_episode(first, second) if paired else _of_all_pairs(first, second)


def _by_episode(first: EpisodeRanks, second: EpisodeRanks) -> Jackknife | None:
    used = np.isfinite(first.ranks).all(axis=1) & np.isfinite(second.ranks).all(axis=1)
    if not used.any():
        return None

    def correlations(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """The correlation in each episode, `[..., episode]`; the full one if no order is left without a block."""
        product = (left * right).sum(axis=-1)
        complete = (first.ranks * second.ranks).sum(axis=-1)
        defined: np.ndarray = np.where(np.isfinite(product), product, complete)[..., used]
        return defined

    sources = [_without_each(correlations(first.ranks, second.ranks))]
    left, right = first.without, second.without
    if left is not None and right is not None and first.references == second.references and len(left) == len(right):
        sources.append(correlations(left, right).mean(axis=-1))
    else:
        if left is not None:
            sources.append(correlations(left, second.ranks).mean(axis=-1))
        if right is not None:
            sources.append(correlations(first.ranks, right).mean(axis=-1))
    return Jackknife(np.mean(correlations(first.ranks, second.ranks)), tuple(sources))


def _of_all_pairs(first: EpisodeRanks, second: EpisodeRanks) -> Jackknife | None:
    """The mean correlation over all pairs of an episode of each, which is the product of the mean ranks."""
    left, right = (each.ranks[np.isfinite(each.ranks).all(axis=1)] for each in (first, second))
    if not len(left) or not len(right):
        return None
    sources = [_without_each(left) @ right.mean(axis=0), _without_each(right) @ left.mean(axis=0)]
    for each, other in ((first, right), (second, left)):
        if each.without is not None:
            defined = np.where(np.isfinite(each.without), each.without, each.ranks)
            sources.append(np.nanmean(defined, axis=1) @ other.mean(axis=0))
    return Jackknife(np.asarray(left.mean(axis=0) @ right.mean(axis=0)), tuple(sources))


def _without_each(values: np.ndarray) -> np.ndarray:
    """The mean of `values [episode, ...]` without each episode; no rows for a single one."""
    count = len(values)
    if count < 2:
        return np.zeros((0, *values.shape[1:]))
    means: np.ndarray = (values.sum(axis=0) - values) / (count - 1)
    return means


@cache
def chance(things: int, share: float = 0.95) -> float:
    """The quantile of Spearman's correlation between two unrelated orders of this many things.

    For up to 8 things all orders are counted; for more it comes from Student's t with `things - 2` degrees of freedom
    (Kendall and Stuart 1973). It is at most 1, and always 1 for four things or fewer.

    >>> [round(chance(things), 2) for things in (4, 5, 8, 20)]
    [1.0, 0.9, 0.64, 0.38]
    """
    if things < 2:
        return 1.0
    if things > COUNTED:
        from scipy.stats import t

        quantile = float(t.ppf(share, things - 2))
        return quantile / sqrt(things - 2 + quantile**2)
    first = np.arange(things)
    distances = np.square(np.array(list(permutations(first))) - first).sum(axis=1)
    correlations = 1 - 6 * np.sort(distances) / (things * (things**2 - 1))  # the largest first
    # The smallest value that this share of correlations stays below.
    values, counts = np.unique(correlations.round(12), return_counts=True)
    below = np.concatenate([[0], np.cumsum(counts)[:-1]]) / counts.sum()
    enough = values[below >= share]
    return float(enough[0]) if len(enough) else 1.0
