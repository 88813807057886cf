"""Rows 1, 2, 5 and 7 of the table of faults: environments and scores that fail while stepping."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gymnasium.spaces import Discrete

import rltools

Make = Callable[..., Any]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_row_01_an_observation_that_is_not_finite(
    value: float, make_policy: Make, make_env: Make, faulty: Make
) -> None:
    def step(env: Any, action: Any) -> Any:
        return np.array([0, value if env.t == 3 else 1, 2], np.float32), 1.0, False, False, {}

    env = make_env(step=step)
    policy = make_policy(env)
    message, recording = faulty(policy, env)
    assert f"observation 'obs[1]' is {value} after 3 steps" in message
    assert "episode 0 (seed 0)" in message
    episode = recording.episode(0)
    assert (episode.outcome.ended, episode.outcome.steps, len(episode)) == ("fault", 3, 3)
    assert np.isfinite(episode.observations).all()
    assert repr(episode.final_observation[1]) == repr(np.float32(value))


def test_row_01_the_first_observation(make_policy: Make, make_env: Make, faulty: Make) -> None:
    env = make_env(reset=lambda env: (np.array([np.nan, 0, 0], np.float32), {}))
    message, recording = faulty(make_policy(env), env)
    assert "observation 'obs[0]' is nan after 0 steps" in message
    assert len(recording.episode(0)) == 0


def test_row_01_other_episodes_go_on(make_policy: Make, make_env: Make, faulty: Make) -> None:
    def step(env: Any, action: Any) -> Any:
        bad = env.first == 1 and env.t == 2
        return np.full(3, np.nan if bad else env.first, np.float32), 1.0, env.t == 5, False, {}

    def reset(env: Any) -> Any:
        env.first = starts.pop(0)
        return np.full(3, env.first, np.float32), {}

    starts = [0, 1, 2, 3]
    env = make_env(step=step, reset=reset)
    message, recording = faulty(make_policy(env), env, episodes=4, num_envs=4)
    seed = recording.outcome(1).seed
    assert message.startswith(f"1 of 4 episodes ended by a fault; the first, episode 1 (seed {seed})")
    assert [outcome.ended for outcome in recording.outcomes()] == ["terminated", "fault", "terminated", "terminated"]
    for number in (0, 2, 3):
        assert (recording.episode(number).observations == number).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_row_01_a_reward_that_is_not_finite(value: float, make_policy: Make, make_env: Make, faulty: Make) -> None:
    env = make_env(step=lambda env, action: (env.observation(), value if env.t == 2 else 1.0, False, False, {}))
    message, recording = faulty(make_policy(env), env)
    assert f"reward {value} at step 1" in message
    assert recording.outcome(0).ended == "fault"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_row_02_scores_that_are_not_finite(value: float, make_env: Make, faulty: Make) -> None:
    taken: list[int] = []

    def step(env: Any, action: Any) -> Any:
        taken.append(env.t)
        return np.full(3, env.t, np.float32), 1.0, False, False, {}

    env = make_env(step=step, reset=lambda env: (np.zeros(3, np.float32), {}))

    def scores(x: Any) -> Any:
        result = x[:, :2].clone()
        result[x[:, 0] == 2, 1] = value
        return result

    space = env().observation_space
    policy = rltools.TorchPolicy(scores, space, Discrete(2), name="breaking", action_names=("left", "right"))
    message, recording = faulty(policy, env)
    assert f"score 'logit:right' is {value} at step 2; the action was not taken" in message
    assert taken == [1, 2]
    assert len(recording.episode(0)) == 2
    assert np.isfinite(recording.episode(0).scores).all()


def test_row_05_an_episode_that_never_ends(make_policy: Make, make_env: Make) -> None:
    env = make_env(step=lambda env, action: (np.zeros(3, np.float32), 1.0, False, False, {}))
    outcome = rltools.record(make_policy(env), env, episodes=1).outcome(0)
    assert (outcome.ended, outcome.steps) == ("limit", 10_000)


def test_row_05_the_environments_own_limit_is_its_truncation(make_policy: Make) -> None:
    policy = make_policy("MountainCar-v0")
    recording = rltools.record(policy, episodes=1)
    assert (recording.outcome(0).ended, recording.outcome(0).steps) == ("truncated", 200)
    assert recording.header.max_steps == 200
    assert recording.episode(0).truncated.tolist() == [False] * 199 + [True]
    shorter = rltools.record(policy, episodes=1, max_steps=50)
    assert shorter.outcome(0).ended == "limit"
    assert not shorter.episode(0).truncated.any()


def test_row_07_an_environment_that_raises_in_step(make_policy: Make, make_env: Make, faulty: Make) -> None:
    closed: list[Any] = []

    def step(env: Any, action: Any) -> Any:
        if env.np_random.random() < 2 and env.t == 3 and env.length == 7:
            raise RuntimeError("the motor is gone")
        return env.observation(), 1.0, env.t == 5, False, {}

    output: list[Any] = []
    good, bad = make_env(step=step), make_env(step=step, length=7, close=closed.append)

    def env() -> Any:
        output.append(bad() if len(output) == 2 else good())
        return output[-1]

    policy = make_policy(good)
    message, recording = faulty(policy, env, episodes=4, num_envs=1)
    assert "1 of 4" in message
    assert "step 2 failed: RuntimeError: the motor is gone" in message
    endings = [(outcome.ended, outcome.steps) for outcome in recording.outcomes()]
    assert endings == [("terminated", 5), ("fault", 2), ("terminated", 5), ("terminated", 5)]
    assert recording.outcome(1).fault == "step 2 failed: RuntimeError: the motor is gone"
    assert closed == [output[2]]
    assert len({id(single) for single in output}) == len(output)


def test_row_07_an_environment_that_raises_in_reset(make_policy: Make, make_env: Make, faulty: Make) -> None:
    def reset(env: Any) -> Any:
        raise ValueError("no track")

    env = make_env(reset=reset)
    message, recording = faulty(make_policy(env), env, episodes=9, num_envs=2)
    assert "3 of 9 episodes ended by a fault" in message
    assert "reset failed: ValueError: no track. Three in a row: stopped. 3 episodes are saved" in message
    assert [(outcome.steps, outcome.ended) for outcome in recording.outcomes()] == [(0, "fault")] * 3
    assert recording.episode(0).final_observation is None


def test_row_07_three_in_a_row_stop(make_policy: Make, make_env: Make, faulty: Make) -> None:
    def step(env: Any, action: Any) -> Any:
        if env.t == 2:
            raise RuntimeError("again")
        return env.observation(), 1.0, False, False, {}

    env = make_env(step=step)
    message, recording = faulty(make_policy(env), env, episodes=50, num_envs=1)
    assert "Three in a row" in message
    assert len(recording) == 3


def test_row_07_episodes_that_end_with_the_third_fault_are_kept(
    make_policy: Make, make_env: Make, faulty: Make
) -> None:
    """Three environments fail in the round in which a fourth one ends well."""
    starts = [0, 1, 2, 3]

    def reset(env: Any) -> Any:
        env.first = starts.pop(0)
        return np.zeros(3, np.float32), {}

    def step(env: Any, action: Any) -> Any:
        if env.t == 3 and env.first > 0:
            raise RuntimeError("together")
        return np.zeros(3, np.float32), 1.0, env.t == 3, False, {}

    env = make_env(step=step, reset=reset)
    _, recording = faulty(make_policy(env), env, episodes=4, num_envs=4)
    assert [outcome.ended for outcome in recording.outcomes()] == ["terminated", "fault", "fault", "fault"]


def test_row_07_an_environment_that_cannot_be_closed(make_policy: Make, make_env: Make) -> None:
    def close(env: Any) -> None:
        if env.t:
            raise OSError("already gone")

    env = make_env(close=close)
    assert len(rltools.record(make_policy(env), env, episodes=4, num_envs=2)) == 4


@pytest.mark.parametrize(
    "arguments", [(np.zeros(3, np.float32), 1.0, False, {}), None, (np.zeros(3), None, False, False, {})]
)
def test_row_07_a_step_that_returns_something_else(
    arguments: Any, make_policy: Make, make_env: Make, faulty: Make
) -> None:
    env = make_env(step=lambda env, action: arguments)
    message, recording = faulty(make_policy(env), env)
    assert "step 0 failed" in message
    assert len(recording.episode(0)) == 0


def test_row_07_faults_are_not_stepped_again(make_policy: Make, make_env: Make, faulty: Make) -> None:
    env = make_env(step=lambda env, action: (np.full(3, np.nan, np.float32), 1.0, False, False, {}))
    policy = make_policy(env)
    _, recording = faulty(policy, env, episodes=2)
    again = rltools.record(policy, env, episodes=2, directory=recording.directory)
    assert [outcome.ended for outcome in again.outcomes()] == ["fault", "fault"]
