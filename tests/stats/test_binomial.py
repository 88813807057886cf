"""The interval of a share of successes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from rltools.errors import ArgumentError
from rltools.stats import binomial


@pytest.mark.parametrize(("successes", "trials"), [(1, 24), (3, 60), (12, 24), (23, 24)])
def test_its_ends_are_the_shares_that_would_make_the_number_unlikely(successes: int, trials: int) -> None:
    interval = binomial(successes, trials, 0.9)
    assert float(interval.value) == successes / trials
    assert binom.sf(successes - 1, trials, float(interval.low)) == pytest.approx(0.05, abs=1e-6)
    assert binom.cdf(successes, trials, float(interval.high)) == pytest.approx(0.05, abs=1e-6)


def test_none_and_all() -> None:
    none, every, nothing = binomial(0, 24), binomial(24, 24), binomial(0, 0)
    assert (float(none.low), float(every.high)) == (0, 1)
    assert float(none.high) == pytest.approx(1 - 0.025 ** (1 / 24))
    assert float(every.low) == pytest.approx(1 - float(none.high))
    assert np.isnan(nothing.value)
    assert (float(nothing.low), float(nothing.high)) == (0, 1)


@pytest.mark.parametrize("share", [0.03, 0.3, 0.5])
def test_it_covers_the_true_share(share: float) -> None:
    intervals = [binomial(successes, 30) for successes in range(31)]
    covered = [binom.pmf(k, 30, share) for k, end in enumerate(intervals) if float(end.low) <= share <= float(end.high)]
    assert sum(covered) >= 0.95


def test_no_share() -> None:
    for successes in (-1, 5):
        with pytest.raises(ArgumentError, match=f"{successes} of 4 is no share"):
            binomial(successes, 4)
