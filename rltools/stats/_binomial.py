"""The interval of a share of successes."""

from __future__ import annotations

import numpy as np

from rltools.errors import ArgumentError
from rltools.stats._intervals import Interval


def binomial(successes: int, trials: int, level: float = 0.95) -> Interval:
    """The share of successes among independent trials, with its exact interval.

    The interval of Clopper and Pearson (1934), which covers the true share in at least `level` of all cases, also where
    none or all of the trials are successes.

    Args:
        successes: from 0 to `trials`.
        trials: how many; without any the share is NaN, and the interval is from 0 to 1.
        level: between 0 and 1.

    Raises:
        ArgumentError: more successes than trials, or a negative number.

    Example:
        >>> from rltools.stats import binomial
        >>> interval = binomial(0, 30)
        >>> float(interval.value), round(float(interval.high), 3)
        (0.0, 0.116)
    """
    from scipy.stats import binomtest

    if not 0 <= successes <= trials:
        raise ArgumentError(f"{successes} of {trials} is no share; successes are from 0 to the number of trials")
    if trials == 0:
        return Interval(np.array(np.nan), np.array(0.0), np.array(1.0))
    ends = binomtest(successes, trials).proportion_ci(level, method="exact")
    return Interval(np.array(successes / trials), np.array(ends.low), np.array(ends.high))
