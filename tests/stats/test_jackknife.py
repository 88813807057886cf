"""Intervals over what was drawn: their ends by hand, how often they hold, and when there are none."""

import numpy as np
import pytest
from scipy.stats import t

from rltools.stats import Jackknife, across, jackknife


def test_of_a_mean_it_is_the_interval_of_student():
    values = np.array([1.0, 2.0, 6.0, 3.0])
    result = across(values).interval(0.9)
    half = t.ppf(0.95, 3) * values.std(ddof=1) / 2
    assert (result.low, result.high) == (pytest.approx(3 - half), pytest.approx(3 + half))


def test_sources_add_up_each_with_its_own_quantile():
    of_episodes, of_blocks = np.array([0.9, 1.0, 1.1]), np.array([0.8, 1.2])
    result = Jackknife(np.array(1.0), (of_episodes, of_blocks))
    variances = 2 * np.mean((of_episodes - 1) ** 2), 1 * np.mean((of_blocks - 1) ** 2)
    half = np.sqrt(t.ppf(0.975, 2) ** 2 * variances[0] + t.ppf(0.975, 1) ** 2 * variances[1])
    assert result.interval(0.95).high == pytest.approx(1 + half)
    assert result.standard_error() == pytest.approx(np.sqrt(sum(variances)))


@pytest.mark.parametrize("sources", [(), (np.zeros((0, 2)),), (np.ones((1, 2)),), (np.ones((5, 2)), np.ones((1, 2)))])
def test_what_shows_nothing_has_no_interval(sources):
    result = Jackknife(np.ones(2), sources)
    assert np.isnan([result.interval(0.95).low, result.interval(0.95).high, result.standard_error()]).all()


def test_shares_and_magnitudes_stay_in_their_bounds():
    result = Jackknife(np.array([0.02, 0.98, 0.0, 1.0]), (np.array([[0.01, 0.95, 0, 1], [0.04, 0.99, 0, 1]]),))
    share = result.interval(0.95, "share")
    assert ((share.low >= 0) & (share.low <= share.value) & (share.value <= share.high) & (share.high <= 1)).all()
    assert share.low[2] == share.high[2] == 0
    assert share.low[3] == share.high[3] == 1
    assert (result.interval(0.95, "positive").low[:3] >= 0).all()
    assert result.interval(0.95).low[0] < 0


def test_what_is_0_without_an_episode_is_exactly_0():
    """Differences of sums would leave rounding, and a share of it."""
    sums = np.array([[0.1, 0.0], [0.7, 0.0], [0.3, 1e-3]])
    result = jackknife(lambda total: {"": total}, [sums])[""]
    assert result.without[0][2].tolist() == [pytest.approx(0.8), 0]


def test_a_number_that_never_moves_has_no_width():
    result = across(np.full((7, 3), 0.1)).interval(0.95)
    assert (result.low == result.high).all()


def test_memory_is_bounded_and_changes_nothing(monkeypatch):
    sums = np.random.default_rng(0).random((50, 6))
    total_share = jackknife(lambda total: {"": total / total.sum(axis=1, keepdims=True)}, [sums])[""]
    monkeypatch.setattr("rltools.stats._intervals.CHUNK_NUMBERS", 7)
    pieces = jackknife(lambda total: {"": total / total.sum(axis=1, keepdims=True)}, [sums])[""]
    np.testing.assert_array_equal(total_share.without[0], pieces.without[0])


@pytest.mark.parametrize(("episodes", "references"), [(5, 8), (10, 32), (20, 8), (50, 32)])
def test_95_percent_hold_the_truth_of_a_known_population(episodes, references):
    """A ratio of sums over episodes, with a draw of references for all of them; episodes alone are not enough."""
    rng, with_both, alone = np.random.default_rng(episodes), [], []
    for _ in range(400):
        of_episode = rng.lognormal(-0.08, 0.4, (episodes, 1, 3)) * [3, 2, 1]
        of_reference = rng.lognormal(-0.08, 0.4, (references, 3))
        values = of_episode * of_reference * rng.integers(5, 15, episodes)[:, None, None]
        blocks = np.split(np.arange(references), 8)
        without = np.stack([np.delete(values, block, axis=1).mean(axis=1).sum(axis=0) for block in blocks])
        result = jackknife(_shares, [values.mean(axis=1)], [without])[""]
        for covered, estimate in ((with_both, result), (alone, Jackknife(result.value, result.without[:1]))):
            ends = estimate.interval(0.95, "share")
            covered.append((ends.low <= [3 / 6, 2 / 6, 1 / 6]) & (np.array([3, 2, 1]) / 6 <= ends.high))
    assert 0.92 <= np.mean(with_both) <= 0.98
    assert np.mean(alone) < np.mean(with_both)


@pytest.mark.parametrize("visited_in_all", [1, 0])
def test_references_of_few_episodes_count_as_many_as_there_are_episodes(visited_in_all):
    """32 references out of 5 episodes are alike within each of them, and 8 blocks of them are not 8 draws."""
    rng, episodes, references = np.random.default_rng(1), 5, 32
    with_both, as_many_as_blocks = [], []
    for _ in range(500):
        of_episode = rng.normal(0, 1, (episodes, 2)) * [0.3, 0.3]
        of_visited = rng.normal(0, 1, (episodes, 2))
        visited = np.sort(rng.integers(episodes, size=references))
        of_reference = of_visited[visited] if visited_in_all else rng.normal(0, 1, (references, 2))
        values = of_episode[:, None] + of_reference
        without = [np.delete(values, block, axis=1).mean(axis=1).sum(axis=0) for block in np.split(np.arange(32), 8)]
        sums, counts = [values.mean(axis=1), np.ones(episodes)], np.full(8, float(episodes))
        result = jackknife(_means, sums, [np.stack(without), counts])[""]
        plain = Jackknife(result.value, (result.without[0], np.stack(without) / episodes))
        for covered, estimate in ((with_both, result), (as_many_as_blocks, plain)):
            ends = estimate.interval(0.95)
            covered.append((ends.low <= 0) & (ends.high >= 0))
    assert np.mean(with_both) >= 0.88
    assert np.mean(with_both) > np.mean(as_many_as_blocks)


def _means(total, count):
    return {"": total / count[:, None]}


def _shares(total):
    return {"": total / total.sum(axis=1, keepdims=True)}
