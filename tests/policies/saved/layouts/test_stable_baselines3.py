"""Weights of policies of Stable-Baselines3 alone: scores, actions and values are those of the live model."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary
from sb3_contrib import QRDQN, TQC, RecurrentPPO
from stable_baselines3 import DQN, PPO, SAC, TD3
from torch import nn

from rltools.errors import MismatchError, ModelError
from rltools.policies.base import Context
from rltools.policies.load import load_policy

VECTOR, IMAGE = Box(-1, 1, (3,), np.float32), Box(0, 255, (36, 36, 3), np.uint8)
CHOICE, BOX = Discrete(3), Box(np.float32([-2, 0]), np.float32([2, 5]))
SMALL = {"net_arch": [8, 6]}
OFF = {"buffer_size": 10}


class Spaces(gymnasium.Env[Any, Any]):
    def __init__(self, observation_space: Any, action_space: Any) -> None:
        self.observation_space, self.action_space = observation_space, action_space


def trained(algorithm: Any, env: gymnasium.Env[Any, Any], policy: str = "MlpPolicy", **options: Any) -> Any:
    """A model whose weights are far from zero, so that each part of it shows."""
    model = algorithm(policy, env, seed=0, device="cpu", **deepcopy(options))  # the library writes into them
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    return model


CASES = {
    "PPO": (PPO, VECTOR, CHOICE, {"policy_kwargs": SMALL}),
    "two networks of other sizes": (PPO, VECTOR, BOX, {"policy_kwargs": {"net_arch": {"pi": [8], "vf": []}}}),
    "no hidden layers": (PPO, VECTOR, CHOICE, {"policy_kwargs": {"net_arch": []}}),
    "a matrix": (PPO, Box(-1, 1, (2, 3), np.float32), CHOICE, {"policy_kwargs": SMALL}),
    "a number as one of many": (PPO, Discrete(5), CHOICE, {"policy_kwargs": SMALL}),
    "DQN": (DQN, VECTOR, CHOICE, {"policy_kwargs": SMALL} | OFF),
    "QRDQN": (QRDQN, VECTOR, CHOICE, {"policy_kwargs": SMALL | {"n_quantiles": 5}} | OFF),
    "SAC": (SAC, VECTOR, BOX, {"policy_kwargs": SMALL} | OFF),
    "SAC with gSDE": (SAC, VECTOR, BOX, {"policy_kwargs": SMALL, "use_sde": True} | OFF),
    "TD3": (TD3, VECTOR, BOX, {"policy_kwargs": SMALL} | OFF),
    "TQC": (TQC, VECTOR, BOX, {"policy_kwargs": SMALL | {"n_quantiles": 7}} | OFF),
    "images": (PPO, IMAGE, CHOICE, {"policy": "CnnPolicy"}),
    "images of an actor": (
        *(TD3, IMAGE, BOX),
        {"policy": "CnnPolicy", "policy_kwargs": {"features_extractor_kwargs": {"features_dim": 8}} | SMALL} | OFF,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_weights_alone_compute_what_the_live_model_does(case: str, tmp_path: Path) -> None:
    algorithm, observations, actions, options = CASES[case]
    env = Spaces(observations, actions)
    model = trained(algorithm, env, **options)
    torch.save(model.policy.state_dict(), tmp_path / "policy.pth")
    live, alone = load_policy(model, env), load_policy(tmp_path / "policy.pth", env)
    observations.seed(0)
    x = np.stack([observations.sample() for _ in range(4)])
    expected, outputs = live.act(x, Context()), alone.act(x, Context())
    assert live.heads[0] == alone.heads[0]
    assert np.allclose(outputs.scores, expected.scores, rtol=1e-5, atol=1e-5)
    assert np.allclose(outputs.actions, expected.actions, rtol=1e-5, atol=1e-5)
    assert outputs.scores.std(axis=0).min() > 1e-3, "the rows differ"
    encoded = live.encode(x), alone.encode(x)
    for head in set(alone.heads) & {"value", "q_value", "action"}:
        context = Context(action=torch.as_tensor(expected.actions) if algorithm in (SAC, TD3) else None)
        ours, theirs = alone.head(head, encoded[1], context), live.head(head, encoded[0], context)
        assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    assert any("VecNormalize" in note for note in alone.source.notes)


def test_the_random_actions_have_the_std_of_the_model(tmp_path: Path) -> None:
    env = Spaces(VECTOR, BOX)
    x = np.full((1, 3), 0.5, np.float32)
    for model in (trained(PPO, env, policy_kwargs=SMALL), trained(SAC, env, policy_kwargs=SMALL, **OFF)):
        torch.save(model.policy.state_dict(), tmp_path / "policy.pth")
        drawn = []
        for policy in (load_policy(model, env), load_policy(tmp_path / "policy.pth", env)):
            context = Context()
            rngs = [np.random.default_rng(3)]
            drawn.append(policy.act(x, context, deterministic=False, rngs=rngs).actions)
        assert np.allclose(*drawn, atol=1e-5)


@pytest.mark.parametrize("kind", ["parameters", "whole policy", "actor", "inside the zip"])
def test_weights_are_found_wherever_they_are(kind: str, tmp_path: Path) -> None:
    env, path = Spaces(VECTOR, BOX), tmp_path / "weights.pt"
    model = trained(SAC, env, policy_kwargs=SMALL, **OFF)
    saved = {
        "parameters": model.get_parameters(),
        "whole policy": model.policy,
        "actor": model.actor.state_dict(),
        "inside the zip": model.policy.state_dict(),
    }
    torch.save(saved[kind], path)
    x = np.full((1, 3), 0.5, np.float32)
    expected = load_policy(model, env).act(x, Context()).actions
    assert np.allclose(load_policy(path, env).act(x, Context()).actions, expected, atol=1e-5)


def test_the_activation_is_the_callers_if_given(tmp_path: Path) -> None:
    env = Spaces(VECTOR, CHOICE)
    model = trained(PPO, env, policy_kwargs=SMALL | {"activation_fn": nn.ELU})
    torch.save(model.policy.state_dict(), tmp_path / "policy.pth")
    x = np.full((1, 3), 0.5, np.float32)
    expected = load_policy(model, env).act(x, Context()).scores
    assert np.allclose(load_policy(tmp_path / "policy.pth", env, activation="elu").act(x, Context()).scores, expected)
    assert not np.allclose(load_policy(tmp_path / "policy.pth", env).act(x, Context()).scores, expected)


@pytest.mark.parametrize(
    ("algorithm", "policy", "spaces", "advice"),
    [
        (RecurrentPPO, "MlpLstmPolicy", (VECTOR, CHOICE), "is recurrent"),
        (PPO, "MlpPolicy", (VECTOR, MultiBinary(2)), "chooses several bits"),
        (PPO, "MultiInputPolicy", (Dict(image=IMAGE, speed=VECTOR), CHOICE), "of several arrays"),
    ],
)
def test_what_weights_alone_do_not_describe_is_refused(
    algorithm: Any, policy: str, spaces: Any, advice: str, tmp_path: Path
) -> None:
    env = Spaces(*spaces)
    torch.save(algorithm(policy, env, device="cpu").policy.state_dict(), tmp_path / "policy.pth")
    with pytest.raises(ModelError, match=f"{advice}.*give the model's own .zip"):
        load_policy(tmp_path / "policy.pth", env)


def test_another_environment_is_refused(tmp_path: Path) -> None:
    torch.save(PPO("MlpPolicy", Spaces(VECTOR, CHOICE), device="cpu").policy.state_dict(), tmp_path / "policy.pth")
    with pytest.raises(MismatchError, match=r"3 inputs.*4 features and 2 actions"):
        load_policy(tmp_path / "policy.pth", "CartPole-v1")
