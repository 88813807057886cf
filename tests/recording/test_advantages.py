"""Advantages against sums by hand and against the rollout buffer of Stable-Baselines3, and margins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rltools
from rltools.recording import (
    Episode,
    Header,
    Outcome,
    advantages,
    episode_advantages,
    episode_margins,
    margins,
)
from rltools.spaces import Features
from rltools.testing._recordings import write_recording

PLAIN = Features((1,), ("feature",))
REWARDS, VALUES = np.array([1.0, 0.0, 2.0]), np.float32([4, 2, 8, 16])


def header_of(**changes: Any) -> Header:
    names = ("left", "right")
    plain = Header("hand", "0" * 64, "none", "", PLAIN, names, 0, "logit", 0, deterministic=True, max_steps=9)
    return replace(plain, **({"value_head": "value", "gamma": 0.5, "gae_lambda": 0.5} | changes))


def episode_of(*, ended: str = "limit", **changes: Any) -> Episode:
    steps = len(changes.get("rewards", REWARDS))
    flags = np.zeros(steps, bool)
    last = flags.copy()
    last[-1:] = True
    plain = Episode(
        outcome=Outcome(0, 0, steps, 3.0, ended),
        observations=np.zeros((steps, 1), np.float32),
        actions=np.zeros(steps, np.int64),
        rewards=REWARDS,
        scores=np.zeros((steps, 2), np.float32),
        terminated=last if ended == "terminated" else flags,
        truncated=last if ended == "truncated" else flags,
        final_observation=np.zeros(1, np.float32),
        features=PLAIN,
        values=VALUES,
    )
    return replace(plain, **changes)


def estimated(episode: Episode, header: Header) -> list[float]:
    result = episode_advantages(episode, header)
    assert result is not None
    assert result.values.dtype == np.float64
    return result.values.tolist()  # type: ignore[no-any-return]


# TD errors with gamma 1/2: 1 + 1 - 4, 0 + 4 - 2, and 2 + 8 - 8, or 2 - 8 where nothing follows.
@pytest.mark.parametrize(
    ("ended", "gae_lambda", "expected"),
    [
        ("limit", 0.0, [-2, 2, 2]),
        ("truncated", 0.0, [-2, 2, 2]),
        ("terminated", 0.0, [-2, 2, -6]),
        ("limit", 0.5, [-2 + 2 / 4 + 2 / 16, 2 + 2 / 4, 2]),
        ("terminated", 0.5, [-2 + 2 / 4 - 6 / 16, 2 - 6 / 4, -6]),
        # With lambda 1, the discounted return minus the value: 1 + 0 / 2 + 2 / 4 + 16 / 8 - 4, and so on.
        ("limit", 1.0, [1 + 2 / 4 + 16 / 8 - 4, 2 / 2 + 16 / 4 - 2, 2 + 16 / 2 - 8]),
        ("terminated", 1.0, [1 + 2 / 4 - 4, 2 / 2 - 2, 2 - 8]),
    ],
)
def test_by_hand(ended: str, gae_lambda: float, expected: list[float]) -> None:
    assert estimated(episode_of(ended=ended), header_of(gae_lambda=gae_lambda)) == expected


def test_terminated_and_truncated_at_once_is_terminated() -> None:
    both = episode_of(ended="terminated", truncated=np.array([False, False, True]))
    assert estimated(both, header_of(gae_lambda=0.0)) == [-2, 2, -6]


def test_the_parameters_that_the_model_does_not_say_are_assumed() -> None:
    result = episode_advantages(episode_of(), header_of(gamma=None, gae_lambda=None))
    assert result is not None
    assert (result.gamma, result.gae_lambda, result.assumed) == (0.99, 0.95, ("gamma", "gae_lambda"))
    assert result.description == "GAE, gamma 0.99 (assumed), lambda 0.95 (assumed)"
    stated = episode_advantages(episode_of(), header_of(gamma=0.0))
    assert stated is not None
    assert stated.description == "GAE, gamma 0, lambda 0.5"


def test_rewards_are_scaled_as_in_the_training() -> None:
    """The value of a state is in multiples of the scale; a reward beyond the clip counts as much as the clip."""
    scaled = header_of(gae_lambda=0.0, reward_scale=4.0, reward_clip=0.4)
    result = episode_advantages(episode_of(), scaled)
    assert result is not None
    np.testing.assert_allclose(result.values, [0.25 + 1 - 4, 0 + 4 - 2, 0.4 + 8 - 8])
    assert (result.unit, result.reward_scale) == ("normalized discounted return", 4.0)


def test_errors_of_q_values_are_those_of_the_action_taken() -> None:
    """The second action is a random one, whose value is below the highest; the last state has no successor."""
    scores = np.float32([[4, 1], [2, 1], [3, 8]])
    actions = np.array([5, 6, 6])  # counted from 5
    episode = episode_of(ended="terminated", scores=scores, actions=actions)
    result = episode_advantages(episode, header_of(value_head="q_value", score="q_value", action_start=5))
    assert result is not None
    assert result.values.tolist() == [1 + 1 - 4, 0 + 4 - 1, 2 - 8]
    assert (result.description, result.unit) == ("TD error, gamma 0.5", "discounted return")


def test_errors_of_q_values_of_continuous_actions() -> None:
    header = header_of(value_head="q_value", score="mean", action_start=None)
    assert estimated(episode_of(actions=np.zeros((3, 1), np.float32)), header) == [-2, 2, 2]


def test_what_is_no_number_does_not_spread() -> None:
    rewards = np.array([1.0, np.nan, 2.0])
    assert str(estimated(episode_of(rewards=rewards), header_of())) == str([-2.0, np.nan, 2.0])


@pytest.mark.parametrize("gae_lambda", [0.0, 0.8, 1.0])
@pytest.mark.parametrize("ended", ["terminated", "truncated"])
def test_as_the_rollout_buffer_of_stable_baselines3(ended: str, gae_lambda: float) -> None:
    """SB3 adds the bootstrap of a truncation to the last reward; otherwise it computes the same."""
    import torch
    from gymnasium.spaces import Box, Discrete
    from stable_baselines3.common.buffers import RolloutBuffer

    rng, steps, gamma = np.random.default_rng(3), 40, 0.97
    rewards, values = rng.normal(size=steps), rng.normal(size=steps + 1).astype(np.float32)
    buffer = RolloutBuffer(steps, Box(-1, 1, (1,)), Discrete(2), "cpu", gae_lambda, gamma)
    bootstrapped = rewards.copy()
    if ended == "truncated":
        bootstrapped[-1] += gamma * values[-1]
    for step in range(steps):
        start = np.array([step == 0])
        value, log_prob = torch.tensor([values[step]]), torch.zeros(1)
        buffer.add(np.zeros((1, 1)), np.zeros((1, 1)), bootstrapped[[step]], start, value, log_prob)
    buffer.compute_returns_and_advantage(torch.tensor([0.0]), dones=np.array([True]))
    episode = episode_of(ended=ended, rewards=rewards, values=values)
    result = estimated(episode, header_of(gamma=gamma, gae_lambda=gae_lambda))
    np.testing.assert_allclose(result, buffer.advantages[:, 0], rtol=1e-4, atol=1e-5)


def test_margins_are_above_the_best_other_action_that_is_allowed() -> None:
    scores = np.float32([[5, 1, 4.5], [5, 1, 4.5], [5, 1, 4.5]])
    masks = np.array([[True, True, True], [True, True, False], [True, False, False]])
    header = header_of(action_names=("a", "b", "c"), action_start=1)
    result = episode_margins(episode_of(scores=scores, masks=masks, actions=np.array([1, 1, 1])), header)
    assert result is not None
    assert str(result.tolist()) == str([0.5, 4.0, np.nan])
    drawn = episode_margins(episode_of(scores=scores, actions=np.array([2, 3, 1])), header)
    assert drawn is not None
    assert drawn.tolist() == [-4.0, -0.5, 0.5]


@pytest.mark.parametrize("start", [None])
def test_several_choices_and_continuous_actions_have_no_margin(start: None) -> None:
    assert episode_margins(episode_of(), header_of(action_start=start)) is None


def test_from_a_folder_and_in_tables(tmp_path: Path) -> None:
    """Also where one episode has values and another has none."""
    without = replace(episode_of(values=None), outcome=Outcome(1, 0, 3, 3.0, "limit"))
    recording = write_recording(tmp_path / "run", header_of(gae_lambda=0.0), [episode_of(), without], {})
    result = advantages(recording, 0)
    assert result is not None
    assert result.values.tolist() == [-2, 2, 2]
    assert advantages(recording, 1) is None
    assert (margins(recording, 0) == 0).all()  # type: ignore[union-attr]
    table = recording.to_pandas()
    assert table["value"].tolist()[:3] == [4, 2, 8]
    assert table["advantage"].tolist()[:3] == [-2, 2, 2]
    assert table["margin"].tolist() == [0] * 6
    assert table["advantage"].isna().tolist() == [False] * 3 + [True] * 3
    labeled = recording.to_xarray()
    assert (labeled["value"].dims, labeled["value"].dtype) == (("step",), np.float32)


def test_of_a_real_agent_value_and_discounted_return_agree_in_scale(zoo: Path) -> None:
    """An agent that was trained on normalized rewards: unscaled, its returns would be a hundred times its values."""
    policy = rltools.load_policy(zoo / "trpo" / "Hopper-v3_1")
    recording = rltools.record(policy, episodes=1, max_steps=400)
    header, episode = recording.header, recording.episode(0)
    assert header.reward_scale == pytest.approx(112.457, abs=1e-3)
    whole = advantages_with_lambda_1(episode, header)  # discounted return minus value
    assert episode.values is not None
    returns = whole + episode.values[:-1]
    assert 0.8 < np.median(returns / episode.values[:-1]) < 1.25
    unscaled = advantages_with_lambda_1(episode, replace(header, reward_scale=None)) + episode.values[:-1]
    assert np.median(unscaled / episode.values[:-1]) > 50


def advantages_with_lambda_1(episode: Episode, header: Header) -> np.ndarray:
    result = episode_advantages(episode, replace(header, gae_lambda=1.0))
    assert result is not None
    return result.values
