"""In which part of an episode a feature matters most, where that is clear."""

from __future__ import annotations

import numpy as np
import pytest

from rltools.summary import summarize, when
from rltools.testing import example_recording

LENGTHS = (200, 230, 260, 300, 240, 220)


@pytest.fixture
def found(tmp_path):
    """What is said of `obs[0]`, given its magnitudes at each step of episodes of these lengths."""

    def find(weight, lengths=LENGTHS, **options):
        values = []
        for length in lengths:
            of = np.ones((length, 1, 2))
            of[:, 0, 0] = weight(np.arange(length), length)
            values.append(of)
        recording = example_recording(tmp_path / "run", values, unit="score", method="shapley", **options)
        return when(recording, summarize(recording), ["obs[0]"])

    return find


def test_most_of_it_in_the_last_steps(found):
    (said,) = found(lambda at, length: np.where(at >= length - 40, 20.0, 1.0))
    assert said.part == "the last 40 steps"
    assert said.is_most
    total = sum(40 * 20 + length - 40 for length in LENGTHS)
    assert said.share == pytest.approx(6 * 800 / total)
    assert said.low <= said.share <= said.high
    assert said.even == pytest.approx(240 / sum(LENGTHS))


def test_a_third_where_no_few_steps_hold_most(found):
    (said,) = found(lambda at, length: np.where(3 * at // length == 1, 8.0, 1.0))
    assert said.part == "the middle third"
    assert said.is_most


def test_more_than_evenly_but_not_most(found):
    (said,) = found(lambda at, length: np.where(3 * at // length == 0, 1.8, 1.0))
    assert said.part == "the first third"
    assert 0.4 < said.low < said.share < 0.5
    assert not said.is_most


def test_nothing_where_it_matters_alike_at_all_times(found):
    assert found(lambda at, length: np.ones(length)) == ()


def test_no_third_where_another_may_hold_as_much(found):
    """The first and the last third hold 45 % and 44 %, each of them clearly more than a third."""

    def ends(at, length):
        third = 3 * at // length
        return np.where(third == 1, 0.25, np.where((third == 0) == (length % 3 == 0), 1.3, 1.1))

    assert found(ends) == ()


def test_nothing_where_episodes_differ(found):
    def either(at, length):
        return np.where((at < 40) == (length > 235), 10.0, 1.0)

    assert found(either) == ()


@pytest.mark.parametrize("lengths", [(200,) * 4, ()])
def test_nothing_of_few_episodes(found, lengths):
    assert found(lambda at, length: np.where(at < 20, 50.0, 1.0), lengths or (200,)) == ()


def test_nothing_of_a_feature_that_matters_in_few_episodes_or_never(found):
    assert found(lambda at, length: np.where((at < 20) & (length > 250), 50.0, 0.0)) == ()


def test_nothing_of_a_feature_that_never_matters(found):
    assert found(lambda at, length: np.zeros(length)) == ()


def test_steps_that_are_not_explained_do_not_count(found):
    def gaps(at, length):
        return np.where(at % 3 == 0, np.where(at >= length - 40, 20.0, 1.0), np.nan)

    (said,) = found(gaps)
    assert said.part == "the last 40 steps"


def test_scores_of_different_units_are_not_added(tmp_path):
    values = [np.tile(np.where(np.arange(60) < 10, 50.0, 1.0)[:, None, None], (1, 2, 2)) for _ in range(6)]
    recording = example_recording(tmp_path / "run", values, unit="score", labels=("centered:chosen", "value"))
    assert when(recording, summarize(recording), ["obs[0]"]) == ()
