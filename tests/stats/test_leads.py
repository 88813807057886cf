"""Which number certainly leads."""

import numpy as np

from rltools.stats import Jackknife, across, standing


def test_a_lead_is_one_of_differences_in_the_same_episodes():
    """The intervals overlap by far, and in each episode the first is the larger one."""
    size = np.array([1.0, 5.0, 2.0, 9.0, 4.0])
    found = across(np.stack([size + 0.5 + 0.01 * np.arange(5), size, size / 10], axis=1))
    ends = found.interval(0.95)
    assert ends.low[0] < ends.high[1]
    order = standing(found, 0.95)
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
    said = [standing(across(rng.normal(1, 0.3, (8, 2))), 0.95).certain for _ in range(1000)]
    assert 0.03 < np.mean(said) < 0.07
