"""The interquartile mean over trainings of one algorithm, with its interval by the bootstrap."""

from __future__ import annotations

import numpy as np

from rltools._util.limits import check_level
from rltools.stats._intervals import FEWEST_REPORTED, Interval

CUT = 0.25
"""The part of the trainings that is left out at each end."""
RESAMPLES = 10_000
"""Resamples of the trainings: another seed moves the ends by one or two percent of the interval's length."""


def interquartile_mean(values: np.ndarray, level: float = 0.95) -> Interval:
    """The mean of the middle half of trainings, with the percentile interval of resampled trainings.

    The same as `aggregate_iqm` of rliable with its stratified bootstrap, each quantity as one task of its own (Agarwal
    et al.: Deep Reinforcement Learning at the Edge of the Statistical Precipice, 2021). It is computed by SciPy,
    because rliable 1.2 fails beside pandas 3: its arch 7 cannot be imported there, and arch 8 does not take its
    arguments. A test compares the numbers with those of rliable.

    Args:
        values: float `[training, *k]`, each quantity of each training.
        level: the level of the interval, between 0 and 1.

    Returns:
        Of shape `[*k]`; without ends for fewer than five trainings, and NaN where one of them has no number.

    Raises:
        ArgumentError: the level is not between 0 and 1.

    Example:
        >>> import numpy as np
        >>> from rltools.stats import interquartile_mean
        >>> middle = interquartile_mean(np.array([500.0, 480.0, 490.0, 500.0, 9.0]))
        >>> float(middle.value), float(middle.low)
        (490.0, 166.0)
        >>> interquartile_mean(np.array([500.0, 480.0])).low
        array(nan)
    """
    from scipy.stats import bootstrap, trim_mean

    check_level(level)
    values = np.asarray(values, np.float64)
    unknown = np.full(values.shape[1:], np.nan)
    if not values.size:
        return Interval(unknown, unknown, unknown)
    defined = np.isfinite(values).all(axis=0)
    values = np.where(defined, values, 0.0)
    middle = np.where(defined, trim_mean(values, CUT, axis=0), np.nan)
    if len(values) < FEWEST_REPORTED:
        return Interval(middle, unknown, unknown)

    def resampled(resamples: np.ndarray, axis: int) -> np.ndarray:
        return np.asarray(trim_mean(resamples, CUT, axis=axis))

    ends = bootstrap(
        (values,),
        resampled,
        n_resamples=RESAMPLES,
        batch=max(1, 1_000_000 // values.size),
        axis=0,
        confidence_level=level,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    low, high = (np.where(defined, end, np.nan) for end in (ends.low, ends.high))
    return Interval(middle, low, high)
