"""A trained model becomes an agent that anybody can load by name."""

import hashlib

import numpy as np
import pytest

from rltools import load_policy
from rltools.cards import read_agent_card
from rltools.experiments.publish import publish_agent
from rltools.policies.base import Context
from rltools.testing import check_card


@pytest.fixture
def quick(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rltools.experiments.publish.MEASURED_EPISODES", 3)
    return {
        "environment": "CartPole-v1",
        "description": "falls over",
        "hyperparameters": {"gamma": 0.5, "kept": "the last one"},
        "steps": 16,
        "seed": 3,
    }


def trained(algorithm, env):
    import stable_baselines3

    make = getattr(stable_baselines3, algorithm)
    small = {"n_steps": 8, "batch_size": 8, "n_epochs": 1} if algorithm == "PPO" else {"learning_starts": 2}
    return make("MlpPolicy", env, seed=3, device="cpu", policy_kwargs={"net_arch": [4]}, **small).learn(16)


@pytest.mark.parametrize("algorithm", ["PPO", "DQN"])
def test_the_card_says_what_was_published_and_the_model_goes_on_training(quick, tmp_path, algorithm):
    model = trained(algorithm, "CartPole-v1")
    remaining = {key: value["exp_avg"].clone() for key, value in model.policy.optimizer.state.items()}
    assert remaining
    folder = tmp_path / "agents" / "mine"
    assert publish_agent(model, folder, **quick) == folder / "agent.yaml"

    card = read_agent_card(folder)
    assert (card.name, card.algorithm, card.environment.id) == ("mine", algorithm, "CartPole-v1")
    assert (card.training.steps, card.training.seed) == (16, 3)
    assert card.training.hyperparameters == quick["hyperparameters"]
    assert card.model.sha256 == hashlib.sha256((folder / "model.zip").read_bytes()).hexdigest()
    assert card.returns.episodes == 3
    assert sorted(path.name for path in folder.iterdir()) == ["agent.yaml", "model.zip"]
    check_card(folder)

    policy = load_policy("mine")
    states = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    again = type(model).load(folder / "model.zip", device="cpu")
    actions = policy.choose(policy.head(policy.heads[0], policy.encode(states), Context()))
    assert np.array_equal(actions, again.predict(states, deterministic=True)[0])
    assert not again.policy.optimizer.state
    assert all((model.policy.optimizer.state[key]["exp_avg"] == value).all() for key, value in remaining.items())


def test_statistics_of_normalized_observations_belong_to_the_agent(quick, tmp_path):
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.vec_env import VecNormalize

    env = VecNormalize(make_vec_env("CartPole-v1", seed=0))
    model = trained("PPO", env)
    folder = tmp_path / "agents" / "scaled"
    publish_agent(model, folder, **quick)
    card = read_agent_card(folder)
    assert card.model.normalize == "vecnormalize.pkl"
    assert card.model.normalize_sha256 == hashlib.sha256((folder / "vecnormalize.pkl").read_bytes()).hexdigest()
    states = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    policy = load_policy("scaled")
    actions = policy.choose(policy.head("logit", policy.encode(states), Context()))
    assert np.array_equal(actions, model.predict(env.normalize_obs(states), deterministic=True)[0])
