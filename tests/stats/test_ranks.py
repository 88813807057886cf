"""What unrelated orders agree by chance."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from rltools.stats import chance, normalized_ranks
from rltools.summary import chance as of_summaries


def test_the_product_of_normalized_ranks_is_the_correlation_of_spearman():
    first, other = np.random.default_rng(0).integers(0, 5, (2, 9))
    product = (normalized_ranks(first) * normalized_ranks(other)).sum()
    assert product == pytest.approx(spearmanr(first, other).statistic)
    assert np.isnan(normalized_ranks(np.ones(4))).all()


@pytest.mark.parametrize("things", [9, 12, 20, 40])
def test_95_percent_of_unrelated_orders_stay_below(things):
    rng = np.random.default_rng(things)
    orders = normalized_ranks(rng.random((40_000, things)))
    agree = orders @ normalized_ranks(np.arange(things, dtype=float))
    assert np.mean(agree < chance(things)) == pytest.approx(0.95, abs=0.006)


@pytest.mark.parametrize(("things", "tabled"), [(5, 0.9), (6, 0.829), (7, 0.714), (8, 0.643)])
def test_of_few_things_it_is_the_exact_quantile_of_tables(things, tabled):
    assert chance(things) == pytest.approx(tabled, abs=1e-3)


def test_few_orders_are_never_unlikely():
    assert [chance(things) for things in range(5)] == [1] * 5
    assert of_summaries is chance
