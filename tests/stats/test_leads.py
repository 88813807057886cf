"""Which number certainly leads."""

import numpy as np
import pytest

from rltools.stats import Jackknife, across, standing


def test_a_lead_is_one_of_differences_in_the_same_episodes():
    """The intervals overlap by far, and in each episode the first is the larger one."""
    size = np.array([1.0, 5.0, 2.0, 9.0, 4.0])
    result = across(np.stack([size + 0.5 + 0.01 * np.arange(5), size, size / 10], axis=1))
    ends = result.interval(0.95)
    assert ends.low[0] < ends.high[1]
    order = standing(result, 0.95)
    assert order.order.tolist() == [0, 1, 2]
    assert order.certain


def test_what_may_come_first_is_tied():
    values = np.tile([[3.0, 1.0, 0.1, 2.0], [1.0, 3.2, 0.1, 2.0], [2.0, 2.0, 0.1, 2.0]], (4, 1))
    order = standing(across(values), 0.95)
    assert order.leaders == 3
    assert set(order.order[:3].tolist()) == {0, 1, 3}


def test_equal_numbers_are_tied_and_a_single_one_leads():
    assert standing(across(np.ones((4, 2))), 0.95).leaders == 2
    assert standing(across(np.ones((4, 1))), 0.95).certain
    assert standing(Jackknife(np.full(2, np.nan), ()), 0.95).leaders == 0


def test_without_an_interval_nothing_is_certain():
    assert standing(across(np.array([[9.0, 1.0]])), 0.95).leaders == 2


def test_a_false_lead_is_rare():
    """Of two features that matter alike one is said to lead in about 5 % of the runs."""
    rng = np.random.default_rng(0)
    message = [standing(across(rng.normal(1, 0.3, (8, 2))), 0.95).certain for _ in range(1000)]
    assert 0.03 < np.mean(message) < 0.07


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("rounding", [0.0, 1e-8])
def test_a_few_that_agree_do_not_show_a_lead(count, rounding):
    """As two episodes of a step each do, either compared with the other: their Shapley values are each other's."""
    values = np.tile([0.87, 0.13], (count, 1)) * (1 + rounding * np.arange(count)[:, None])
    result = across(values)
    assert standing(result, 0.95).leaders == 2
    for kind in ("signed", "positive", "share"):
        ends = result.interval(0.95, kind)
        assert np.isnan([ends.low, ends.high]).all()


def test_as_many_that_agree_as_a_sign_test_takes_show_one():
    values = np.tile([0.87, 0.13], (6, 1))
    assert standing(across(values), 0.95).certain
    assert standing(across(values), 0.99).leaders == 2
    assert standing(across(np.tile(values, (2, 1))), 0.99).certain


def test_a_second_source_of_few_that_agree_shows_none_either():
    episodes = np.random.default_rng(0).normal([5.0, 1.0], 0.1, (20, 2))
    for blocks, leaders in ((2, 2), (8, 1)):
        alike = np.tile(episodes.mean(axis=0), (blocks, 1))
        result = across(episodes)
        assert standing(Jackknife(result.value, (*result.without, alike)), 0.95).leaders == leaders
