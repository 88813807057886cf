"""Concordance with losses: by hand, by identities that hold for all numbers, and how often its interval holds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rltools.stats import Jackknife, across, captured_loss, joint, loss_concordance, ordered_right, resolved_pairs

LOSSES = np.array([444.0, 344.0, 30.0, -5.0])
numbers = arrays(np.float64, 5, elements=st.integers(-50, 50).map(float))


def mean_of(values):
    return across(np.asarray(values, dtype=np.float64))


def test_a_swap_costs_as_much_as_the_losses_are_apart():
    pairs = 100 + 414 + 449 + 314 + 349 + 35
    assert loss_concordance(LOSSES, LOSSES) == 1
    assert loss_concordance(np.array([3, 4, 2, 1]), LOSSES) == pytest.approx(1 - 2 * 100 / pairs)
    assert loss_concordance(np.array([4, 3, 1, 2]), LOSSES) == pytest.approx(1 - 2 * 35 / pairs)
    wrong = 100 + 414 + 449 + 349 + 35
    assert loss_concordance(np.array([1, 3, 2, 4]), LOSSES) == pytest.approx(1 - 2 * wrong / pairs)


@given(numbers, numbers)
def test_it_is_odd_bounded_and_blind_to_scale(sizes, losses):
    value = loss_concordance(sizes, losses)
    if np.ptp(losses) == 0:
        assert np.isnan(value)
        return
    assert -1 <= value <= 1
    assert loss_concordance(-sizes, losses) == pytest.approx(-value)
    assert loss_concordance(3 * sizes + 7, 2 * losses - 1) == pytest.approx(value)
    assert loss_concordance(losses, losses) == pytest.approx(1)
    assert loss_concordance(np.zeros(5), losses) == 0


@given(numbers, st.permutations(range(5)))
def test_the_order_of_the_things_does_not_matter(losses, order):
    sizes = np.array([5.0, 1.0, 3.0, 4.0, 2.0])
    first, second = (loss_concordance(s, v) for s, v in ((sizes, losses), (sizes[order], losses[order])))
    assert np.isnan(first) == np.isnan(second)
    assert np.isnan(first) or first == pytest.approx(second)


def test_over_all_orders_its_mean_is_zero():
    from itertools import permutations

    every = np.array(list(permutations(range(4))), dtype=np.float64)
    assert loss_concordance(every, LOSSES).mean() == pytest.approx(0)
    assert captured_loss(every, LOSSES).mean() == pytest.approx(LOSSES.mean() / 444)


@given(numbers, numbers)
def test_captured_loss_is_that_of_the_largest(sizes, losses):
    value = captured_loss(sizes, losses)
    if losses.max() <= 0:
        assert np.isnan(value)
    else:
        assert value == pytest.approx(losses[sizes == sizes.max()].mean() / losses.max())
        assert value <= 1


def test_pairs_are_resolved_beyond_two_paired_standard_errors():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(12, 1)) * 100  # moves all losses together, and so hides no difference
    each = np.array([10.0, 5.0, 4.9]) + shared + rng.normal(size=(12, 3))
    larger, smaller = resolved_pairs(mean_of(each))
    assert sorted(zip(larger.tolist(), smaller.tolist(), strict=True)) == [(0, 1), (0, 2)]
    apart = each[:, 1] - each[:, 2]
    assert abs(apart.mean()) < 2 * apart.std(ddof=1) / np.sqrt(12)
    assert len(resolved_pairs(mean_of(each[:1]))[0]) == 0  # a single seed has no standard error


def test_ordered_right_counts_equal_sizes_as_half():
    pairs = (np.array([0, 0, 1]), np.array([1, 2, 2]))
    losses = np.array([3.0, 2.0, 1.0])
    assert ordered_right(losses, losses, pairs) == 1
    assert ordered_right(-losses, losses, pairs) == 0
    assert ordered_right(np.zeros(3), losses, pairs) == 0.5
    assert ordered_right(np.array([2.0, 2.0, 1.0]), losses, pairs) == pytest.approx(2.5 / 3)
    assert np.isnan(ordered_right(losses, losses, (np.zeros(0, int), np.zeros(0, int))))


def test_nan_makes_nan():
    sizes = np.array([1.0, np.nan, 2.0])
    assert np.isnan(loss_concordance(sizes, np.array([1.0, 2.0, 3.0])))
    assert np.isnan(captured_loss(np.array([1.0, 2.0]), np.array([np.nan, 1.0])))


def test_of_a_linear_statistic_it_is_the_jackknife():
    rng = np.random.default_rng(0)
    first, second = mean_of(rng.normal(size=(9, 3))), mean_of(rng.normal(size=(5, 3)))
    both = joint(lambda a, b: (2 * a - b).sum(axis=-1), first, second)
    alone = [joint(lambda a, c=c: (c * a).sum(axis=-1), e) for c, e in ((2, first), (-1, second))]
    assert both.value == pytest.approx(float(alone[0].value + alone[1].value))
    variance = sum(float(each.standard_error()) ** 2 for each in alone)
    assert float(both.standard_error()) ** 2 == pytest.approx(variance)
    assert alone[0].without[0] == pytest.approx((2 * first.without[0]).sum(axis=-1))
    assert [len(part) for part in both.without] == [9, 5]


@pytest.mark.parametrize("noise", [0.3, 1.5])
def test_the_interval_holds_the_true_concordance(noise):
    rng = np.random.default_rng(1)
    losses, sizes = np.array([10, 8, 5, 4, 1, 0.0]), np.array([3, 2.8, 2.5, 1, 1.4, 0.2])
    truth, hits = loss_concordance(sizes, losses), []
    for _ in range(200):
        drawn = mean_of(losses + 8 * rng.normal(size=(16, 6)))
        seen = mean_of(sizes + noise * rng.normal(size=(8, 6)))
        ends = joint(loss_concordance, seen, drawn).interval(0.95)
        hits.append(ends.low <= truth <= ends.high)
    assert np.mean(hits) > 0.93


def test_an_order_that_no_single_episode_changes_is_still_uncertain():
    lead = np.array([5.0, -3.0, 5.0, -3.0, 5.0, -3.0, 4.0, -2.0])
    sizes = mean_of(np.stack([10 + lead, np.full(8, 10.0)], axis=1))
    assert (sizes.without[0][:, 0] > sizes.without[0][:, 1]).all()
    losses = Jackknife(np.array([5.0, 1.0]), ())
    assert joint(loss_concordance, sizes, losses).standard_error() > 0.5
