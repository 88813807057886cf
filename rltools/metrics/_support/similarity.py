"""How alike two maps order the variables, step by step."""

from __future__ import annotations

import numpy as np

from rltools.metrics._support.case import Case
from rltools.metrics._support.not_applicable import NotApplicableError
from rltools.stats import normalized_ranks


def same_order(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of the sizes of the players at each step.

    Args:
        first: float `[step, player]`.
        second: float `[step, player]`.

    Returns:
        float64 `[step]`; 1 where both are equal, also if they have no order, 0 where only one of them has an order, NaN
        where a size is.

    >>> same_order(np.array([[1.0, 2.0, 3.0], [2.0, 2.0, 2.0]]), np.array([[3.0, 2.0, 1.0], [2.0, 2.0, 2.0]]))
    array([-1.,  1.])
    """
    correlation = (normalized_ranks(first) * normalized_ranks(second)).sum(axis=-1)
    equal = (first == second).all(axis=-1)
    usable = np.isfinite(first).all(axis=-1) & np.isfinite(second).all(axis=-1)
    result: np.ndarray = np.where(equal, 1.0, np.nan_to_num(correlation))
    return np.where(usable, result, np.nan)


def check_ordered(case: Case) -> None:
    """Refuse a single player.

    Raises:
        NotApplicableError: there is no more than one.
    """
    if len(case.players) < 2:
        raise NotApplicableError("a single feature has no order")
