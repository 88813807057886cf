"""The values of states that are recorded beside the steps, from each kind of policy that has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete

import rltools
from rltools.errors import FaultError
from rltools.policies.base import Context, Discounting, value_head
from rltools.policies.decide import positions
from rltools.policies.torch_policy import TorchPolicy
from rltools.recording import advantages, open_recording
from rltools.recording.sealed_json import write_json

Make = Callable[..., Any]
PLANE = Box(-1e6, 1e6, (3,), np.float32)
ONE = Box(-1, 1, (2,), np.float32)


def valued(heads: dict[str, Any], actions: Any = None, **choices: Any) -> Any:
    """A policy with these heads in the plane."""
    return TorchPolicy(lambda x: x, PLANE, actions or Discrete(2), heads, name="valued", **choices)


def first_two(x: torch.Tensor) -> torch.Tensor:
    return x[:, :2]


def test_values_are_those_of_the_critic_also_of_the_final_observation(make_env: Make) -> None:
    policy = valued({"logit": first_two, "value": lambda x: x.sum(dim=1, keepdim=True)})
    episode = rltools.record(policy, make_env(length=5), episodes=1).episode(0)
    assert episode.values is not None
    assert (episode.values.dtype, episode.values.shape) == (np.float32, (6,))
    seen = np.concatenate([episode.observations, episode.final_observation[None]])
    assert episode.values.tolist() == seen.sum(axis=1).tolist()


def test_without_a_critic_there_are_none(cartpole: Any) -> None:
    recording = rltools.record(cartpole, episodes=1, max_steps=3)
    assert recording.header.value_head == ""
    assert recording.episode(0).values is None
    assert advantages(recording, 0) is None


def test_a_q_network_is_worth_its_best_allowed_action(make_env: Make) -> None:
    """Recorded scores are taken as they are, and the mask of the final observation counts too."""

    def masked(env: Any, _: Any) -> Any:
        return env.observation(), 1.0, env.t >= 4, False, {"action_mask": np.array([env.t % 2 == 0, True])}

    env = make_env(step=masked, reset=lambda env: (env.observation(), {"action_mask": np.array([True, True])}))
    policy = valued({"q_value": lambda x: torch.cat([x[:, :1] + 5, x[:, 1:2]], dim=1)}, masked=True)
    episode = rltools.record(policy, env, episodes=1).episode(0)
    assert episode.values is not None
    assert episode.masks is not None
    assert episode.masks.tolist() == [[True, True], [False, True], [True, True], [False, True]]
    allowed = np.where(episode.masks, episode.scores, -np.inf).max(axis=1)
    assert episode.values[:-1].tolist() == allowed.tolist()
    assert episode.values[-1] == episode.final_observation[0] + 5


def test_a_second_head_of_q_values(make_env: Make) -> None:
    policy = valued({"advantage": first_two, "q_value": lambda x: 10 * x[:, :2]})
    recording = rltools.record(policy, make_env(length=3), episodes=1)
    episode = recording.episode(0)
    assert recording.header.value_head == "q_value"
    assert episode.values is not None
    assert episode.values[:-1].tolist() == (10 * episode.scores.max(axis=1)).tolist()


def test_a_critic_of_actions_values_the_action_taken(make_env: Make) -> None:
    heads = {
        "mean": lambda x: torch.tanh(x[:, :2] - 2),
        "q_value": lambda x, action: x[:, :1] + 100 * action.sum(dim=1, keepdim=True),
    }
    policy = valued(heads, ONE, std=lambda x: 0.1 + 0 * x[:, :2])
    env = make_env(action_space=ONE, length=4)
    for deterministic in (True, False):
        episode = rltools.record(policy, env, episodes=1, deterministic=deterministic).episode(0)
        assert episode.values is not None
        expected = episode.observations[:, 0] + 100 * episode.actions.sum(axis=1)
        np.testing.assert_allclose(episode.values[:-1], expected, rtol=1e-6)
        final = episode.final_observation
        expected = final[0] + 100 * np.tanh(final[:2] - 2).sum()  # of the best action, which is not drawn
        assert episode.values[-1] == pytest.approx(expected)


def test_several_choices_have_no_best_value() -> None:
    from gymnasium.spaces import MultiDiscrete

    policy = TorchPolicy(lambda x: x, PLANE, MultiDiscrete([2, 1]), {"q_value": lambda x: x})
    assert value_head(policy) == ""


def test_after_a_fault_the_last_value_is_no_number(make_env: Make) -> None:
    def fails(env: Any, _: Any) -> Any:
        if env.t == 3:
            raise RuntimeError("broken")
        return env.observation(), 1.0, False, False, {}

    policy = valued({"logit": first_two, "value": lambda x: x[:, :1]}, discounting=Discounting(0.5, 0.5))
    with pytest.raises(FaultError) as caught:
        rltools.record(policy, make_env(step=fails), episodes=1)
    recording: Any = caught.value.recording
    values, estimated = recording.episode(0).values, advantages(recording, 0)
    assert np.isnan(values).tolist() == [False, False, True]
    assert estimated is not None
    assert np.isnan(estimated.values).tolist() == [False, True]
    assert estimated.values[0] == 1 + 0.5 * values[1] - values[0]


def test_an_episode_whose_reset_fails_has_a_value_that_is_no_number(make_env: Make) -> None:
    def fails(env: Any) -> Any:
        raise RuntimeError("broken")

    policy = valued({"logit": first_two, "value": lambda x: x[:, :1]})
    with pytest.raises(FaultError) as caught:
        rltools.record(policy, make_env(reset=fails), episodes=1)
    values = caught.value.recording.episode(0).values  # type: ignore[union-attr]
    assert np.isnan(values).tolist() == [True]


@pytest.mark.parametrize("agent", ["cartpole-ppo", "cartpole-recurrent-ppo", "lunarlander-dqn", "pendulum-sac"])
def test_values_are_the_same_to_the_last_bit_whatever_runs_beside(agent: str, tmp_path: Path) -> None:
    policy = rltools.load_policy(agent)
    files = {}
    for num_envs in (1, 3, 7):
        folder = tmp_path / str(num_envs)
        recording = rltools.record(policy, episodes=7, num_envs=num_envs, max_steps=25, directory=folder)
        files[num_envs] = [path.read_bytes() for path in sorted((folder / "episodes").iterdir())]
        assert all(episode.values is not None for episode in recording)
    assert files[1] == files[3] == files[7]
    episode = recording.episode(3)
    state = None if episode.recurrent_states is None else torch.tensor(episode.recurrent_states)
    context = Context(positions(policy, episode.actions), state=state)
    outputs = policy.head(value_head(policy), policy.encode(episode.observations), context).detach().numpy()
    np.testing.assert_allclose(episode.values[:-1], outputs.max(axis=1), rtol=1e-4)  # type: ignore[index]


@pytest.mark.parametrize("length", [1500, 2048])
def test_a_long_episode_in_many_blocks(length: int, make_env: Make) -> None:
    """More rows than the 1,024 that are buffered before they are written, and exactly two times as many."""
    policy = valued({"logit": first_two, "value": lambda x: x[:, 1:2]})
    episode = rltools.record(policy, make_env(length=length), episodes=1).episode(0)
    assert episode.values is not None
    assert episode.values[:-1].tolist() == episode.observations[:, 1].tolist()
    assert episode.values[-1] == episode.final_observation[1]


def test_a_recording_without_values_goes_on_without(make_env: Make, tmp_path: Path) -> None:
    """The episodes of one recording are alike: one that an older version began gets none."""
    policy, env = valued({"logit": first_two, "value": lambda x: x[:, :1]}), make_env(length=3)
    recording = rltools.record(policy, env, episodes=1, directory=tmp_path)
    older = replace(recording.header, value_head="", gamma=None).to_json()
    recording.episode_path(0).unlink()
    write_json(tmp_path / "recording.json", older)
    continued = rltools.record(policy, env, episodes=2, directory=tmp_path)
    assert [episode.values for episode in continued] == [None, None]
    assert open_recording(tmp_path).damaged() == {}


def test_hidden_features_compute_no_values(make_env: Make) -> None:
    """Rollouts of which only the return counts do not pay for a critic."""

    def refuses(x: torch.Tensor) -> torch.Tensor:
        raise AssertionError("called")

    env = make_env(length=3)
    recording = rltools.record(valued({"logit": first_two}), env, episodes=4)
    policy = valued({"logit": first_two, "value": refuses})
    policy.source = replace(policy.source, sha256=recording.header.policy_sha256)
    ablation = rltools.ablate(policy, recording, env, seeds=2, second=None)
    assert len(ablation.rollouts) >= 2
