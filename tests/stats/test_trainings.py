"""Interquartile means over trainings are those of rliable."""

from __future__ import annotations

import numpy as np
import pytest

from rltools.errors import ArgumentError
from rltools.stats import interquartile_mean

RLIABLE = {
    5: ((0.92869634, 1.50454361, 1.31430736), (0.489, 0.918, 0.567), (1.645, 1.892, 3.155)),
    8: ((1.41533288, 1.4703541, 0.95859242), (0.664, 0.285, 0.655), (2.160, 2.966, 2.661)),
    12: ((1.75797492, 1.83354503, 2.10459215), (1.245, 1.185, 1.336), (2.533, 2.557, 3.048)),
}
"""By number of trainings what `rliable.library.get_interval_estimates` of rliable 1.2.0 gives for the numbers below.

With arch 7.2.0, pandas 2.3.3, 20,000 resamples and NumPy's global generator seeded with 0, beside which it runs.
"""


@pytest.mark.parametrize("count", RLIABLE)
def test_the_numbers_are_those_of_rliable(count: int) -> None:
    values = np.random.default_rng(count).gamma(2, size=(count, 3))
    middle = interquartile_mean(values)
    value, low, high = RLIABLE[count]
    assert middle.value == pytest.approx(value)
    length = np.array(high) - np.array(low)
    assert (np.abs(middle.low - low) < 0.03 * length).all()
    assert (np.abs(middle.high - high) < 0.03 * length).all()


def test_few_trainings_have_no_interval_and_missing_numbers_no_mean() -> None:
    few = interquartile_mean(np.arange(8.0).reshape(4, 2))
    assert list(few.value) == [3.0, 4.0]
    assert np.isnan(few.low).all()
    holes = interquartile_mean(np.where(np.eye(6, 2) == 1, np.nan, 1.0))
    assert np.isnan(holes.value).all()
    assert interquartile_mean(np.zeros((0, 3))).value.shape == (3,)
    with pytest.raises(ArgumentError, match="level"):
        interquartile_mean(np.zeros(6), level=2)


def test_an_outlier_among_trainings_moves_nothing_but_the_interval() -> None:
    steady, failed = np.full(8, 500.0), np.array([500.0] * 7 + [9.0])
    assert interquartile_mean(steady).value == interquartile_mean(failed).value == 500
    assert interquartile_mean(failed).low <= interquartile_mean(steady).low == 500
