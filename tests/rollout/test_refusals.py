"""Environments that do not keep to Gymnasium's interface: one line says what was found and what to do."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete, MultiDiscrete

import rltools
from rltools.envs import make_environment
from rltools.errors import ArgumentError, FaultError, SimulationError
from rltools.rollout.act import checked_mask, checked_masks

Make = Callable[..., Any]


def pole() -> gymnasium.Env[Any, Any]:
    return gymnasium.make("CartPole-v1")


def text(policy: Any, env: Any) -> str:
    with pytest.raises(FaultError) as fault:
        rltools.record(policy, env, episodes=1)
    return str(fault.value)


class TestRewards:
    @pytest.mark.parametrize(
        "reward",
        [
            1,
            True,
            1.0,
            np.float32(1),
            np.array([1.0]),
            np.array([[1]]),
            torch.tensor(1.0),
            torch.ones(1),
            [1.0],
            Fraction(1),
        ],
        ids=repr,
    )
    def test_one_number_is_a_reward(self, reward: Any, make_policy: Make, make_env: Make) -> None:
        env = make_env(step=lambda env, action: (env.observation(), reward, env.t == 3, False, {}))
        assert rltools.record(make_policy(env), env, episodes=1).episode(0).rewards.tolist() == [1, 1, 1]

    @pytest.mark.parametrize(
        ("reward", "message"),
        [
            (
                np.array([1.0, -2.0]),
                r"step 0 failed: the reward is array([ 1., -2.]), a ndarray of shape [2], and must be",
            ),
            (torch.ones(2), "and must be one number; add a wrapper that combines several objectives into one number"),
            (None, "the reward is None, a NoneType, and must be one number; make the environment return a float"),
            ("1", "the reward is '1', a str, and must be one number"),
            ({"total": 1.0}, "the reward is {'total': 1.0}, a dict, and must be one number"),
            ([], "the reward is [], a list of shape [0], and must be one number"),
            (1j, "the reward is 1j, a complex, and must be one number"),
            (np.nan, "reward nan at step 0"),
            (10**400, "step 0 failed: the reward is a number too large for a float; scale the rewards"),
        ],
    )
    def test_anything_else_is_named(self, reward: Any, message: str, make_policy: Make, make_env: Make) -> None:
        env = make_env(step=lambda env, action: (env.observation(), reward, env.t == 3, False, {}))
        assert message in text(make_policy(env), env)


class TestEnds:
    @pytest.mark.parametrize("ended", [True, np.True_, np.array([True]), torch.tensor(True), 1, [1]], ids=repr)
    def test_one_truth_ends_an_episode(self, ended: Any, make_policy: Make, make_env: Make) -> None:
        env = make_env(step=lambda env, action: (env.observation(), 1.0, ended if env.t == 3 else False, False, {}))
        assert rltools.record(make_policy(env), env, episodes=1).outcome(0).ended == "terminated"

    @pytest.mark.parametrize(
        ("ended", "message"),
        [
            (np.array([True, False]), "terminated is array([ True, False]), a ndarray, and must be True or False"),
            (None, "terminated is None, a NoneType, and must be True or False; make the environment return a bool"),
            ("done", "terminated is 'done', a str"),
            ({"agent": True}, "terminated is {'agent': True}, a dict"),
        ],
    )
    def test_anything_else_is_named(self, ended: Any, message: str, make_policy: Make, make_env: Make) -> None:
        env = make_env(step=lambda env, action: (env.observation(), 1.0, ended, False, {}))
        assert message in text(make_policy(env), env)
        env = make_env(step=lambda env, action: (env.observation(), 1.0, False, ended, {}))
        assert message.replace("terminated", "truncated") in text(make_policy(env), env)


class TestTheInterface:
    @pytest.mark.parametrize(
        ("reset", "message"),
        [
            (lambda env: env.observation(), "reset failed: reset returned a ndarray instead of (observation, info)"),
            (lambda env: (env.observation(), None), "reset returned an info of NoneType; it must be a dict"),
            (lambda env: (None, {}), "the observation is None; the policy takes numbers of shape (3,)"),
            (lambda env: (np.zeros(4), {}), "an observation of shape (4,); the policy takes (3,)"),
            (lambda env: (["a", "b", "c"], {}), "the policy takes numbers"),
            (lambda env: ([[1], [1, 2], 3], {}), "the observation is not an array of numbers of shape (3,)"),
        ],
    )
    def test_of_reset(self, reset: Make, message: str, make_policy: Make, make_env: Make) -> None:
        env = make_env(reset=reset)
        assert message in text(make_policy(make_env()), env)

    def test_of_gym_before_0_26(self, make_policy: Make, make_env: Make) -> None:
        policy = make_policy(make_env())
        stepping = text(policy, make_env(step=lambda env, action: (env.observation(), 1.0, False, {})))
        assert "step 0 failed: step returned 4 values instead of" in stepping
        assert "GymV21Environment-v0" in stepping

        class Unseeded(type(make_env()())):  # type: ignore[misc]
            def reset(self) -> Any:
                return self.observation()

        assert "GymV21Environment-v0" in text(policy, Unseeded)

    def test_what_is_made_once_is_not_stepped_side_by_side(self, cartpole: Any) -> None:
        env = pole()
        with pytest.raises(SimulationError, match="pass a function that makes a new one at every call"):
            rltools.record(cartpole, lambda: env, episodes=2)


def of_library(module: str, name: str, base: type = object, **attributes: Any) -> Any:
    """A class as another library defines it."""
    return type(name, (base,), attributes | {"__module__": module})


class TestOtherLibraries:
    def test_vectors_of_environments(self, cartpole: Any) -> None:
        from stable_baselines3.common.vec_env import DummyVecEnv

        vectors = gymnasium.make_vec("CartPole-v1", num_envs=2), DummyVecEnv([pole])
        for vector in vectors:
            with pytest.raises(
                SimulationError, match=r"it must return a gymnasium\.Env: this is a vector of environments.*give one"
            ):
                rltools.record(cartpole, lambda vector=vector: vector)
        with pytest.raises(ArgumentError, match=r"a vector of environments of Stable-Baselines3 \(DummyVecEnv\)"):
            rltools.AttributionWrapper(vectors[1], cartpole)  # type: ignore[arg-type]

    def test_live_wrappers(self, cartpole: Any) -> None:
        vector = gymnasium.make_vec("CartPole-v1", num_envs=2)
        with pytest.raises(ArgumentError, match=r"pass it to rltools\.VectorAttributionWrapper"):
            rltools.AttributionWrapper(vector, cartpole)
        with pytest.raises(ArgumentError, match=r"pass it to rltools\.AttributionWrapper"):
            rltools.VectorAttributionWrapper(pole(), cartpole)  # type: ignore[arg-type]
        with pytest.raises(ArgumentError, match="the environment is 'CartPole-v1', and must be a gymnasium"):
            rltools.AttributionWrapper("CartPole-v1", cartpole)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("module", "message"),
        [
            ("pettingzoo.utils.env", "of PettingZoo, in which several agents act"),
            ("gym.core", "of the old library gym; base it on gymnasium instead, or .*shimmy.*GymV26Environment-v0"),
            ("dm_env._environment", "of dm_env; give a function that makes it through"),
        ],
    )
    def test_environments_of_others(self, module: str, message: str, cartpole: Any) -> None:
        with pytest.raises(ArgumentError, match=message):
            rltools.record(cartpole, of_library(module, "Env")())
        with pytest.raises(SimulationError, match=message):
            rltools.record(cartpole, of_library(module, "Env"))

    def test_spaces_of_gym(self, make_env: Make) -> None:
        space = of_library("gym.spaces.discrete", "Discrete", gymnasium.spaces.Space)()
        with pytest.raises(
            ArgumentError, match="actions are a Discrete of the old library gym; give the space of the same"
        ):
            rltools.TorchPolicy(torch.nn.Linear(3, 2), Box(-1, 1, (3,)), space)
        with pytest.raises(ArgumentError, match="observations are a Discrete of the old library gym"):
            rltools.TorchPolicy(torch.nn.Linear(3, 2), space, Discrete(2))

    @pytest.mark.parametrize(
        ("env", "message"),
        [
            (lambda: None, "made NoneType; it must return a gymnasium.Env; does it lack a `return`"),
            (gymnasium.Wrapper, r"give a function that calls it with its arguments: lambda: Wrapper\(\.\.\.\)"),
        ],
    )
    def test_functions_that_make_nothing(self, env: Any, message: str) -> None:
        with pytest.raises(SimulationError, match=message):
            make_environment(env)

    def test_a_class_makes_environments(self, make_policy: Make, make_env: Make) -> None:
        env_type = type(make_env()())
        assert len(rltools.record(make_policy(make_env()), env_type, episodes=2)) == 2


class TestMasks:
    @pytest.fixture
    def masked_policy(self) -> Any:
        return rltools.TorchPolicy(torch.nn.Linear(3, 3), Box(-1, 1, (3,)), Discrete(3), masked=True)

    @pytest.fixture
    def two(self) -> Any:
        return rltools.TorchPolicy(torch.nn.Linear(3, 5), Box(-1, 1, (3,)), MultiDiscrete([2, 3]), masked=True)

    @pytest.mark.parametrize("mask", [[1, 0, 1], np.array([True, False, True]), np.array([1.0, 0, 1]), [[1, 0, 1]]])
    def test_zeros_and_ones(self, mask: Any, masked_policy: Any) -> None:
        assert checked_mask(mask, masked_policy, "the mask").tolist() == [True, False, True]

    @pytest.mark.parametrize(
        ("mask", "message"),
        [
            ([True, False], r"the mask has 2 elements \(shape \[2\]\), and there are 3 actions"),
            ([[True], [True, False]], r"the mask is \[\[True\], \[True, False\]\], of list; it must be 3 booleans"),
            ([0.2, 0.3, 0.5], r"the mask is \[0\.2, 0\.3, 0\.5\]"),
            (np.array([0, -1e8, 0]), "it must be 3 booleans, or zeros and ones"),
            (None, "the mask is None, of NoneType"),
            ("all", "the mask is 'all', of str"),
            ([0, 0, 0], "the mask allows no action at all"),
        ],
    )
    def test_anything_else_is_named(self, mask: Any, message: str, masked_policy: Any) -> None:
        with pytest.raises(SimulationError, match=message):
            checked_mask(mask, masked_policy, "the mask")

    def test_one_for_each_choice(self, two: Any) -> None:
        assert checked_mask([[1, 0], [0, 1, 1]], two, "the mask").tolist() == [True, False, False, True, True]
        with pytest.raises(SimulationError, match=r"has masks of \[3, 2\] values, and the choices have \[2, 3\]"):
            checked_mask([[1, 0, 1], [0, 1]], two, "the mask")
        with pytest.raises(SimulationError, match="allows no value of choice 1"):
            checked_mask([1, 0, 0, 0, 0], two, "the mask")

    def test_of_a_vector_of_environments(self, masked_policy: Any) -> None:
        assert checked_masks([[1, 0, 1], [0, 1, 0]], masked_policy, 2, "the masks").shape == (2, 3)
        with pytest.raises(SimulationError, match=r"the masks\[1\] has 2 elements"):
            checked_masks([[1, 0, 1], [0, 1]], masked_policy, 2, "the masks")
        with pytest.raises(SimulationError, match="it must be a mask for each of 2 environments"):
            checked_masks([[1, 0, 1]], masked_policy, 2, "the masks")

    def test_a_missing_one_is_missed(self, masked_policy: Any, make_env: Make) -> None:
        env = make_env(observation_space=Box(-1, 1, (3,)), action_space=Discrete(3))
        assert "add a method action_masks(), or info['action_mask']" in text(masked_policy, env)


def test_the_environment_that_was_given_at_loading_is_used(tmp_path: Any, make_env: Make) -> None:
    from stable_baselines3 import PPO

    env_type: list[Any] = []

    def make() -> Any:
        env_type.append(make_env(observation_space=Box(-50, 50, (3,), np.float32))())
        return env_type[-1]

    PPO("MlpPolicy", make(), policy_kwargs={"net_arch": [4]}, device="cpu").save(tmp_path / "model.zip")
    policy = rltools.load_policy(tmp_path / "model.zip", make)
    env_type.clear()
    recording = rltools.record(policy, episodes=2)
    assert len(recording) == 2
    assert len(env_type) >= 2
    assert recording.header.environment_text == "FunctionEnv, made by a function"
