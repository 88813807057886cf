"""In which part of an episode a feature matters most, where that is clear."""

from __future__ import annotations

import numpy as np
import pytest

from rltools.summary import summarize, when
from rltools.testing import example_recording

LENGTHS = (200, 230, 260, 300, 240, 220)


@pytest.fixture
def result(tmp_path):
    """What is said of `obs[0]`, given its magnitudes at each step of episodes of these lengths."""

    def find(weight, lengths=LENGTHS, **options):
        values = []
        for length in lengths:
            target = np.ones((length, 1, 2))
            target[:, 0, 0] = weight(np.arange(length), length)
            values.append(target)
        recording = example_recording(tmp_path / "run", values, unit="score", method="shapley", **options)
        return when(recording, summarize(recording), ["obs[0]"])

    return find


def test_most_of_it_in_the_last_steps(result):
    (text,) = result(lambda index, length: np.where(index >= length - 40, 20.0, 1.0))
    assert text.part == "the last 40 steps"
    assert text.low > 0.5
    total = sum(40 * 20 + length - 40 for length in LENGTHS)
    assert text.share == pytest.approx(6 * 800 / total)
    assert text.low <= text.share <= text.high
    assert text.even == pytest.approx(240 / sum(LENGTHS))


def test_a_third_where_no_few_steps_hold_most(result):
    (text,) = result(lambda index, length: np.where(3 * index // length == 1, 8.0, 1.0))
    assert text.part == "the middle third"
    assert text.low > 0.5


def test_more_than_evenly_but_not_most(result):
    (text,) = result(lambda index, length: np.where(3 * index // length == 0, 1.8, 1.0))
    assert text.part == "the first third"
    assert 0.4 < text.low < text.share < 0.5


def test_nothing_where_it_matters_alike_at_all_times(result):
    assert result(lambda index, length: np.ones(length)) == ()


def test_no_third_where_another_may_hold_as_much(result):
    """The first and the last third hold 45 % and 44 %, each of them clearly more than a third."""

    def ends(index, length):
        third = 3 * index // length
        return np.where(third == 1, 0.25, np.where((third == 0) == (length % 3 == 0), 1.3, 1.1))

    assert result(ends) == ()


def test_nothing_where_episodes_differ(result):
    def either(index, length):
        return np.where((index < 40) == (length > 235), 10.0, 1.0)

    assert result(either) == ()


@pytest.mark.parametrize("lengths", [(200,) * 4, ()])
def test_nothing_of_few_episodes(result, lengths):
    assert result(lambda index, length: np.where(index < 20, 50.0, 1.0), lengths or (200,)) == ()


def test_nothing_of_a_feature_that_matters_in_few_episodes_or_never(result):
    assert result(lambda index, length: np.where((index < 20) & (length > 250), 50.0, 0.0)) == ()


def test_nothing_of_a_feature_that_never_matters(result):
    assert result(lambda index, length: np.zeros(length)) == ()


def test_steps_that_are_not_explained_do_not_count(result):
    def gaps(index, length):
        return np.where(index % 3 == 0, np.where(index >= length - 40, 20.0, 1.0), np.nan)

    (text,) = result(gaps)
    assert text.part == "the last 40 steps"


def test_scores_of_different_units_are_not_added(tmp_path):
    values = [np.tile(np.where(np.arange(60) < 10, 50.0, 1.0)[:, None, None], (1, 2, 2)) for _ in range(6)]
    recording = example_recording(tmp_path / "run", values, unit="score", labels=("centered:chosen", "value"))
    assert when(recording, summarize(recording), ["obs[0]"]) == ()
