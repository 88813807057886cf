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
    return {kind: moment.step for moment in result for kind in moment.kinds}


def test_an_episode_where_nothing_stands_out_has_no_moments(header: Header) -> None:
    assert highlights(episode_of(header), header, None, None, SPEED) == []


def test_the_margin_and_the_entropy_are_of_the_scores(header: Header) -> None:
    scores = np.tile(np.float32([1, 0]), (STEPS, 1))
    scores[40] = [0, 9]
    scores[70] = [0.1, 0.1]
    actions = scores.argmax(axis=1)
    result = highlights(episode_of(header, scores=scores, actions=actions), header, None, None, SPEED)
    assert kinds(result) == {"margin": 40, "entropy": 70}
    assert [moment.text for moment in result] == [
        "largest margin: right is 9 logits above the runner-up",
        "least sure: entropy 0.693 of at most 0.693 nats",
    ]
    values = replace(header, score="q_value")
    result = highlights(episode_of(header, scores=scores, actions=actions), values, None, None, SPEED)
    assert kinds(result) == {"margin": 40}  # Q-values are no probabilities
    assert result[0].text == "largest margin: right is 9 Q above the runner-up"


def test_the_margin_and_the_entropy_of_probabilities(header: Header) -> None:
    scores = np.tile(np.float32([0.75, 0.25]), (STEPS, 1))
    scores[40] = [1, 0]
    scores[70] = [0.5, 0.5]
    header = replace(header, score="probability")
    result = highlights(episode_of(header, scores=scores, actions=scores.argmax(axis=1)), header, None, None, SPEED)
    assert kinds(result) == {"margin": 40, "entropy": 70}
    assert result[0].text == "largest margin: left is 1 in probability above the runner-up"
    assert result[1].text == "least sure: entropy 0.693 of at most 0.693 nats"


def test_an_action_that_is_not_allowed_is_no_runner_up(header: Header) -> None:
    names = replace(header, action_names=("a", "b", "c"))
    scores = np.tile(np.float32([5, 1, 4.5]), (STEPS, 1))
    masks = np.ones((STEPS, 3), bool)
    masks[90, 2] = False
    masks[95, 1:] = False  # only one is left: there is nothing to compare
    result = highlights(episode_of(names, scores=scores, masks=masks), names, None, None, SPEED)
    assert Highlight(90, ("margin",), "largest margin: a is 4 logits above the runner-up") in result
    assert 95 not in kinds(result).values()


def test_the_highest_and_the_lowest_advantage(header: Header) -> None:
    """With gamma 0 an advantage is the reward above the value of the state, known by hand."""
    values = np.zeros(STEPS + 1, np.float32)
    values[30], values[50] = 2, -3
    learned = replace(header, value_head="value", gamma=0.0, gae_lambda=0.5)
    result = highlights(episode_of(header, values=values), learned, None, None, SPEED)
    assert result == [
        Highlight(30, ("advantage",), "lowest advantage, \u22121 of discounted return"),
        Highlight(50, ("advantage",), "highest advantage, +4 of discounted return"),
    ]
    assumed = replace(learned, gae_lambda=None)
    text = highlights(episode_of(header, values=values), assumed, None, None, SPEED)[0].text
    assert text.endswith("of discounted return (GAE, gamma 0, lambda 0.95 (assumed))")
    assert highlights(episode_of(header, values=np.full(STEPS + 1, np.nan)), learned, None, None, SPEED) == []


def test_several_reasons_at_one_step_are_one_moment(header: Header) -> None:
    rewards = np.ones(STEPS)
    rewards[60] = 7
    scores = np.tile(np.float32([1, 0]), (STEPS, 1))
    scores[60] = [3, 0]
    learned = replace(header, value_head="value", gamma=0.0, gae_lambda=0.5, score="q_value")
    episode = episode_of(header, rewards=rewards, scores=scores, values=np.zeros(STEPS + 1, np.float32))
    result = highlights(episode, learned, None, None, SPEED)
    assert [moment.step for moment in result] == [0, 60]  # of many lowest advantages the first
    assert result[1].kinds == ("margin", "advantage", "reward")
    assert result[1].text == (
        "largest margin: left is 3 Q above the runner-up; highest advantage, +7 of discounted return; "
        "largest reward, +7"
    )


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
    assert result == [Highlight(77, ("reward",), text)]


def test_the_end_is_looked_at_where_the_environment_ended_it(header: Header) -> None:
    ended = episode_of(header, outcome=Outcome(0, 0, STEPS, 0.0, "terminated"))
    assert kinds(highlights(ended, header, None, None, SPEED)) == {"end": STEPS - 50}
    assert highlights(ended, header, None, None, 1000.0) == []  # it is shorter than that


def test_several_branches_and_numbers_have_no_runner_up(header: Header) -> None:
    scores = np.random.default_rng(0).normal(size=(STEPS, 2)).astype(np.float32)
    continuous = replace(header, action_start=None)
    assert highlights(episode_of(header, scores=scores), continuous, None, None, SPEED) == []


def test_no_score_that_is_a_number_is_no_moment(header: Header) -> None:
    broken = episode_of(header, scores=np.full((STEPS, 2), np.nan, np.float32))
    assert highlights(broken, header, None, None, SPEED) == []
