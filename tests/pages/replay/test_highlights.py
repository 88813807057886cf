"""Moments worth a look, in episodes made so that they are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import rltools
from rltools.pages.replay._highlights import Highlight, highlights
from rltools.recording import Attribution, AttributionSpec, Episode, Header, Outcome

STEPS = 200
SPEED = 25.0


@pytest.fixture
def header(explained_cartpole: Any) -> Header:
    recording: rltools.Recording = explained_cartpole[0]
    return recording.header


def episode_of(header: Header, **attributes: Any) -> Episode:
    flags = np.zeros(STEPS, bool)
    plain = Episode(
        outcome=Outcome(0, 0, STEPS, 0.0, "truncated"),
        observations=np.zeros((STEPS, 4), np.float32),
        actions=np.zeros(STEPS, int),
        rewards=np.ones(STEPS),
        scores=np.tile(np.float32([1, 0]), (STEPS, 1)),
        terminated=flags,
        truncated=flags,
        final_observation=None,
        features=header.features,
    )
    return replace(plain, **attributes)


def kinds(result: list[Highlight]) -> dict[str, int]:
    return {moment.kind: moment.step for moment in result}


def test_an_episode_where_nothing_stands_out_has_no_moments(header: Header) -> None:
    assert highlights(episode_of(header), header, None, None, SPEED) == []


def test_the_gap_and_the_entropy_are_of_the_scores(header: Header) -> None:
    scores = np.tile(np.float32([1, 0]), (STEPS, 1))
    scores[40] = [0, 9]
    scores[70] = [0.1, 0.1]
    result = highlights(episode_of(header, scores=scores), header, None, None, SPEED)
    assert kinds(result) == {"gap": 40, "entropy": 70}
    assert [moment.text for moment in result] == [
        "surest: right is 9 logits above the second best",
        "least sure: entropy 0.693 of at most 0.693 nats",
    ]
    values = highlights(episode_of(header, scores=scores), replace(header, score="q_value"), None, None, SPEED)
    assert kinds(values) == {"gap": 40}  # Q-values are no probabilities


def test_an_action_that_is_not_allowed_is_no_second_best(header: Header) -> None:
    names = replace(header, action_names=("a", "b", "c"))
    scores = np.tile(np.float32([5, 1, 4.5]), (STEPS, 1))
    masks = np.ones((STEPS, 3), bool)
    masks[90, 2] = False
    masks[95, 1:] = False  # only one is left: there is nothing to compare
    result = highlights(episode_of(names, scores=scores, masks=masks), names, None, None, SPEED)
    assert Highlight(90, "gap", "surest: a is 4 logits above the second best") in result
    assert 95 not in kinds(result).values()


def test_the_attribution_changes_by_what_a_deviation_does(header: Header) -> None:
    values = np.zeros((STEPS, 1, 4), np.float32)
    values[30:, 0, 0] = 10.0  # a large number of a feature that hardly varies
    values[60:, 0, 1] = 1.0
    values[100] = np.nan  # a gap is no change
    spec = AttributionSpec("gradient", "centered:chosen", ("centered:chosen",), "score per unit", {}, "0" * 64)
    result = Attribution(values, np.zeros((STEPS, 1)), spec, header.features)
    spread = np.array([0.01, 1.0, 1.0, 1.0])
    assert kinds(highlights(episode_of(header), header, result, spread, SPEED)) == {"attribution": 60}
    in_scores = replace(result, spec=replace(spec, unit="score"))
    assert kinds(highlights(episode_of(header), header, in_scores, spread, SPEED)) == {"attribution": 30}


@pytest.mark.parametrize(("extreme", "text"), [(100.0, "largest reward, +100"), (-2.5, "largest penalty, \u22122.5")])
def test_the_largest_reward_has_either_sign(header: Header, extreme: float, text: str) -> None:
    rewards = np.ones(STEPS)
    rewards[77] = extreme
    rewards[78] = np.nan
    result = highlights(episode_of(header, rewards=rewards), header, None, None, SPEED)
    assert result == [Highlight(77, "reward", text)]


def test_the_end_is_looked_at_where_the_environment_ended_it(header: Header) -> None:
    ended = episode_of(header, outcome=Outcome(0, 0, STEPS, 0.0, "terminated"))
    assert kinds(highlights(ended, header, None, None, SPEED)) == {"end": STEPS - 50}
    assert highlights(ended, header, None, None, 1000.0) == []  # it is shorter than that


def test_several_branches_and_numbers_have_no_second_best(header: Header) -> None:
    scores = np.random.default_rng(0).normal(size=(STEPS, 2)).astype(np.float32)
    continuous = replace(header, action_start=None)
    assert highlights(episode_of(header, scores=scores), continuous, None, None, SPEED) == []


def test_no_score_that_is_a_number_is_no_moment(header: Header) -> None:
    broken = episode_of(header, scores=np.full((STEPS, 2), np.nan, np.float32))
    assert highlights(broken, header, None, None, SPEED) == []
