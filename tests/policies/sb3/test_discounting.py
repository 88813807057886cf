"""Gamma, lambda and the scale of rewards that values were learned with, from files and live models."""

from __future__ import annotations

import copy
import json
import zipfile
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

import rltools
from rltools.errors import ModelError
from rltools.policies.base import Discounting
from rltools.policies.load import load_policy
from rltools.policies.sb3._discounting import discounting_of, scaled_rewards


def normalized(**choices: Any) -> VecNormalize:
    """A VecNormalize that has seen returns of variance 9."""
    env = VecNormalize(DummyVecEnv([lambda: gymnasium.make("CartPole-v1")]), **choices)
    env.ret_rms.mean, env.ret_rms.var, env.ret_rms.count = np.float64(1.0), np.float64(9.0), 100.0
    if env.norm_obs:
        env.obs_rms.update(np.random.default_rng(0).normal(size=(50, 4)))
    return env


def trained(env: Any) -> PPO:
    model = PPO("MlpPolicy", env, gamma=0.9, gae_lambda=0.7, device="cpu", seed=0)
    model.num_timesteps = 1
    return model


def test_a_zip_says_gamma_and_lambda(tmp_path: Path) -> None:
    model = PPO("MlpPolicy", "CartPole-v1", gamma=0.9, gae_lambda=0.7, device="cpu")
    model.save(tmp_path / "model.zip")
    assert load_policy(tmp_path / "model.zip").discounting == Discounting(0.9, 0.7)
    DQN("MlpPolicy", "CartPole-v1", gamma=0.8, device="cpu").save(tmp_path / "q.zip")
    policy = load_policy(tmp_path / "q.zip")
    assert policy.discounting == Discounting(0.8)
    header = rltools.record(policy, "CartPole-v1", episodes=1, max_steps=2).header
    assert (header.gamma, header.gae_lambda, header.reward_scale) == (0.8, None, None)


def test_a_live_model_says_them_as_they_are_now() -> None:
    model = trained(normalized(clip_reward=5.0))
    policy = load_policy(model)
    scale = float(np.sqrt(9 + 1e-8))
    assert policy.discounting == Discounting(0.9, 0.7, scale, 5.0)
    duplicate = copy.deepcopy(policy)
    model.gamma, model.get_vec_normalize_env().ret_rms.var = 0.5, np.float64(16.0)
    assert policy.discounting == Discounting(0.5, 0.7, float(np.sqrt(16 + 1e-8)), 5.0)
    assert duplicate.discounting == Discounting(0.9, 0.7, scale, 5.0)
    model.get_vec_normalize_env().norm_reward = False
    assert policy.discounting == Discounting(0.5, 0.7)
    assert load_policy(model, normalize=False).discounting == Discounting(0.5, 0.7)


@pytest.mark.parametrize("norm_obs", [True, False])
def test_statistics_of_the_return_are_read_from_the_file(norm_obs: bool, tmp_path: Path) -> None:
    """Also where observations were not normalized, and with the divisor that VecNormalize itself uses."""
    env = normalized(norm_obs=norm_obs, epsilon=0.5)
    model = trained(env)
    model._last_original_obs = np.zeros((1, 4), np.float32) if norm_obs else None
    model.save(tmp_path / "model.zip")
    env.save(tmp_path / "vecnormalize.pkl")
    policy = load_policy(tmp_path / "model.zip")
    header = rltools.record(policy, "CartPole-v1", episodes=1, max_steps=3).header
    assert header.reward_scale == float(np.sqrt(9.5))
    assert 2.0 / header.reward_scale == pytest.approx(float(env.normalize_reward(np.array([2.0]))[0]))
    assert header.reward_clip == 10.0
    beside = load_policy(tmp_path / "model.zip", normalize=tmp_path / "vecnormalize.pkl")
    assert beside.discounting == policy.discounting


def test_rewards_that_were_not_normalized_have_no_scale(tmp_path: Path) -> None:
    env = normalized(norm_reward=False)
    env.save(tmp_path / "vecnormalize.pkl")
    assert scaled_rewards(tmp_path / "vecnormalize.pkl") is None
    assert scaled_rewards(env) is None
    assert scaled_rewards(None) is None


@pytest.mark.parametrize("variance", [-1.0, float("nan"), float("inf"), "9"])
def test_statistics_that_make_no_sense_are_refused(variance: Any, tmp_path: Path) -> None:
    env = normalized()
    env.ret_rms.var = variance
    env.save(tmp_path / "vecnormalize.pkl")
    with pytest.raises(ModelError, match="the statistics of the return"):
        scaled_rewards(tmp_path / "vecnormalize.pkl")


@pytest.mark.parametrize("gamma", ["0.9", True, None, 1.5, -0.1, float("nan"), {":serialized:": ""}])
def test_a_setting_of_another_kind_is_not_known(gamma: Any, tmp_path: Path) -> None:
    assert discounting_of({"gamma": gamma, "gae_lambda": 1}, None) == Discounting(None, 1.0)
    model = PPO("MlpPolicy", "CartPole-v1", device="cpu")
    model.save(tmp_path / "model.zip")
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["data"] = json.dumps(json.loads(members["data"]) | {"gamma": gamma}).encode()
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert load_policy(tmp_path / "other.zip").discounting.gamma is None


def test_a_zoo_agent_trained_on_normalized_rewards(zoo: Path) -> None:
    discounting = load_policy(zoo / "ppo" / "MountainCar-v0_1").discounting
    assert (discounting.gamma, discounting.gae_lambda, discounting.reward_clip) == (0.99, 0.98, 10.0)
    assert discounting.reward_scale == pytest.approx(21.1646, abs=1e-4)
