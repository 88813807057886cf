"""Rank agreement: orders as vectors, and how much unrelated orders agree by chance."""

from __future__ import annotations

from functools import cache
from itertools import permutations
from math import sqrt

import numpy as np

COUNTED = 8
"""Up to so many things (40,320 orders) all orders are counted; for more, Student's t is as good."""


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


@cache
def chance(things: int, share: float = 0.95) -> float:
    """The quantile of Spearman's correlation between two unrelated orders of so many things.

    Up to 8 things all orders are counted; for more it is by Student's t with `things - 2` degrees of freedom (Kendall
    and Stuart 1973). At most 1, which it always is for four things or fewer.

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
