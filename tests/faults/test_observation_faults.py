"""Rows 17, 20, 25, 26, 27, 28, 29 and 31 of the table of faults: what environments give and take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

import rltools
from rltools.errors import MismatchError, SimulationError
from rltools.rollout import OutsideSpaceWarning

Make = Callable[..., Any]


def test_row_17_the_wrong_environment(make_policy: Make) -> None:
    with pytest.raises(MismatchError, match=r"shape \[4\] and Acrobot-v1 gives shape \[6\]"):
        rltools.record(make_policy("CartPole-v1"), "Acrobot-v1", episodes=1)
    with pytest.raises(MismatchError, match=r"among 3 actions and .* takes 2 actions"):
        rltools.record(make_policy("MountainCar-v0"), lambda: two_actions("MountainCar-v0"), episodes=1)


def two_actions(name: str) -> Any:
    env = gymnasium.make(name)
    env.action_space = Discrete(2)
    return env


def test_row_17_observations_that_change_shape(make_policy: Make, make_env: Make, faulty: Make) -> None:
    env = make_env(step=lambda env, action: (np.zeros(3 + (env.t == 2), np.float32), 0.0, False, False, {}))
    message, recording = faulty(make_policy(env), env)
    assert "an observation of shape (4,); the policy takes (3,)" in message
    assert len(recording.episode(0)) == 1


@pytest.mark.parametrize("dtype", ["float64", "float16", "int64", "uint8", "bool"])
def test_row_20_observations_of_another_dtype_are_cast(dtype: str, make_policy: Make, make_env: Make) -> None:
    values = np.array([0, 1, 1], dtype)
    env = make_env(step=lambda env, action: (values, 1.0, env.t == 3, False, {}), reset=lambda env: (values, {}))
    episode = rltools.record(make_policy(env), env, episodes=1).episode(0)
    assert episode.observations.dtype == np.float32
    assert (episode.observations == [0, 1, 1]).all()


def test_row_20_lists_and_python_numbers(make_policy: Make, make_env: Make) -> None:
    env = make_env(step=lambda env, action: ([1, 2.5, True], 1, 1, 0, {}), reset=lambda env: ((0, 0, 0), {}))
    episode = rltools.record(make_policy(env), env, episodes=1).episode(0)
    assert episode.final_observation is not None
    assert episode.final_observation.tolist() == [1, 2.5, 1]
    assert episode.terminated.tolist() == [True]


@pytest.mark.parametrize(
    ("space", "arguments"),
    [
        (Box(0, 255, (3,), np.uint8), np.array([0, 300, 0])),
        (Box(0, 255, (3,), np.uint8), np.array([0.0, 0.5, 1.0])),
        (Box(0, 255, (3,), np.uint8), np.array([0, -1, 0], np.int8)),
        (Box(0, 1e9, (3,), np.float32), np.array([0, 2**24 + 1, 0])),
        (Box(0, 1e9, (3,), np.int64), np.array([0.0, np.nan, 0.0])),
        (Box(0, 1e9, (3,), np.float32), np.array([2**63 - 1, 0, 0])),
        (Box(0, 1e9, (3,), np.float32), np.array(["1", "2", "3"])),
    ],
)
def test_row_20_numbers_that_would_lose_bits_are_refused(
    space: Box, arguments: Any, make_policy: Make, make_env: Make, faulty: Make
) -> None:
    env = make_env(observation_space=space, reset=lambda env: (arguments, {}))
    message, recording = faulty(make_policy(env), env)
    assert f"an observation of {arguments.dtype}" in message
    assert len(recording.episode(0)) == 0


def test_row_25_an_episode_of_no_steps(make_policy: Make, make_env: Make, faulty: Make) -> None:
    env = make_env(reset=lambda env: (np.full(3, np.nan, np.float32), {}))
    policy = make_policy(env)
    _, recording = faulty(policy, env)
    rltools.explain(recording, policy, method="gradient")
    assert len(recording.episode(0)) == 0
    assert recording.attribution().values.shape == (0, 1, 3)
    assert recording.to_xarray().sizes["step"] == 0


def test_row_25_an_empty_episode_among_others(make_policy: Make, make_env: Make, faulty: Make) -> None:
    starts = [np.nan, 1.0, 2.0]
    env = make_env(reset=lambda env: (np.full(3, starts.pop(0), np.float32), {}), length=4)
    policy = make_policy(env)
    _, recording = faulty(policy, env, episodes=3)
    for method in ("gradient", "integrated_gradients"):  # the second one has residuals, which the empty one has not
        rltools.explain(recording, policy, method=method)
        assert len(recording.attribution(method)) == 8
    residual = recording.attribution("integrated_gradients").residual
    assert residual is not None
    assert residual.shape == (8, 1)


def test_row_26_terminated_and_truncated(make_policy: Make, make_env: Make) -> None:
    env = make_env(step=lambda env, action: (env.observation(), 1.0, env.t == 2, env.t == 2, {}))
    episode = rltools.record(make_policy(env), env, episodes=1).episode(0)
    assert episode.terminated.tolist() == [False, True]
    assert episode.truncated.tolist() == [False, True]
    assert episode.outcome.ended == "terminated"


def test_row_27_a_vector_environment_is_refused(make_policy: Make) -> None:
    with pytest.raises(SimulationError, match=r"it must return a gymnasium\.Env"):
        rltools.record(make_policy("CartPole-v1"), lambda: gymnasium.make_vec("CartPole-v1", num_envs=2), episodes=1)


def test_row_28_the_same_array_each_step(make_policy: Make, make_env: Make) -> None:
    array = np.zeros(3, np.float32)

    def step(env: Any, action: Any) -> Any:
        array[:] = env.t
        return array, 1.0, env.t == 4, False, {}

    def reset(env: Any) -> Any:
        array[:] = 0
        return array, {}

    env = make_env(step=step, reset=reset)
    episode = rltools.record(make_policy(env), env, episodes=1).episode(0)
    assert episode.observations[:, 0].tolist() == [0, 1, 2, 3]
    assert episode.final_observation is not None
    assert episode.final_observation.tolist() == [4, 4, 4]


def test_row_28_an_environment_that_writes_into_its_action(make_policy: Make) -> None:
    policy = make_policy("LunarLander-v3", kwargs={"continuous": True})

    class Clearing(gymnasium.Wrapper[Any, Any, Any, Any]):
        def step(self, action: Any) -> Any:
            result = self.env.step(action.copy())
            action[:] = 99
            return result

    make = lambda: gymnasium.make("LunarLander-v3", continuous=True)  # noqa: E731
    plain = rltools.record(policy, make, episodes=1, max_steps=4).episode(0)
    remaining = rltools.record(policy, lambda: Clearing(make()), episodes=1, max_steps=4).episode(0)
    assert (plain.actions == remaining.actions).all()


def test_row_29_dropout_sleeps_while_scoring_and_wakes_after(make_env: Make) -> None:
    import torch

    net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 2))
    env = make_env(length=20)
    policy = rltools.TorchPolicy(net.train(), env().observation_space, Discrete(2))
    first, second = (rltools.record(policy, env, episodes=1).episode(0) for _ in range(2))
    assert (first.scores == second.scores).all()
    assert net.training
    assert net[1].training


def test_row_31_observations_outside_their_space(make_policy: Make, make_env: Make) -> None:
    small = Box(-1, 1, (3,), np.float32)

    def step(env: Any, action: Any) -> Any:
        return np.full(3, 5.0 if env.t in (2, 3) else 0.0, np.float32), 1.0, env.t == 6, False, {}

    env = make_env(step=step, reset=lambda env: (np.zeros(3, np.float32), {}), observation_space=small)
    with pytest.warns(OutsideSpaceWarning, match="6 observations were outside") as caught:
        recording = rltools.record(make_policy(env), env, episodes=3)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert [outcome.out_of_space for outcome in recording.outcomes()] == [2, 2, 2]
    assert recording.episode(0).observations[:, 0].tolist() == [0, 0, 5, 5, 0, 0]
