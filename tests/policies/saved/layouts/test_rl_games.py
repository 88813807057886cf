"""What golden files of rl-games do not say: older versions, compiled models, several choices, other environments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from edited_weights import LIBRARIES, content, edited
from gymnasium.spaces import Box, MultiDiscrete

from rltools.errors import ArgumentError, MismatchError, ModelError
from rltools.policies.base import Context
from rltools.policies.load import load_policy

X = np.array([[0.5, -0.5, 1.0], [0.1, 0.9, -2.0]], np.float32)
SHARED = LIBRARIES / "rl_games" / "shared" / "shared.pth"


def _same(file: Path) -> None:
    other, shared = load_policy(file, "Pendulum-v1"), load_policy(SHARED, "Pendulum-v1")
    assert np.array_equal(other.act(X, Context()).scores, shared.act(X, Context()).scores)
    values = [policy.head("value", policy.encode(X), Context()) for policy in (other, shared)]
    assert torch.equal(*values)


def test_models_that_torch_compiled_have_a_prefix(tmp_path: Path) -> None:
    def compiled(saved: dict[str, Any]) -> dict[str, Any]:
        return saved | {"model": {f"_orig_mod.{key}": value for key, value in saved["model"].items()}}

    _same(edited("rl_games/shared", tmp_path / "last.pth", compiled))


def test_older_versions_keep_statistics_beside_the_model(tmp_path: Path) -> None:
    def older(saved: dict[str, Any]) -> dict[str, Any]:
        model = saved["model"]
        apart = {
            "running_mean_std": {
                key.rpartition(".")[2]: value for key, value in model.items() if key.startswith("running_mean_std")
            },
            "reward_mean_std": {
                key.rpartition(".")[2]: value for key, value in model.items() if key.startswith("value_mean_std")
            },
        }
        return {"model": {key: value for key, value in model.items() if "mean_std" not in key}, **apart}

    _same(edited("rl_games/shared", tmp_path / "last.pth", older))


def test_actions_are_scaled_to_the_bounds() -> None:
    policy = load_policy(SHARED, "Pendulum-v1")
    acted = policy.act(X, Context())
    np.testing.assert_allclose(acted.actions, 2 * np.clip(acted.scores, -1, 1), rtol=1e-6)
    received = policy.head("action", policy.encode(X), Context()).detach().numpy()
    np.testing.assert_allclose(received, acted.actions, rtol=1e-6)


def test_random_actions_have_the_std_of_the_file() -> None:
    policy, rows = load_policy(SHARED, "Pendulum-v1"), 3000
    log_std = content("rl_games/shared")["model"]["a2c_network.sigma"].item()
    rngs = [np.random.default_rng(row) for row in range(rows)]
    drawn = policy.act(np.repeat(X[:1], rows, 0), Context(), deterministic=False, rngs=rngs).actions / 2
    quartiles = np.quantile(drawn, [0.25, 0.75])  # the few beyond the bounds are clipped, and change the std
    assert np.diff(quartiles).item() / 1.349 == pytest.approx(np.exp(log_std), rel=0.06)


def test_several_choices_are_joined(tmp_path: Path) -> None:
    def several(saved: dict[str, Any]) -> dict[str, Any]:
        model = saved["model"]
        weight, bias = model.pop("a2c_network.logits.weight"), model.pop("a2c_network.logits.bias")
        for choice in range(2):
            model |= {f"a2c_network.logits.{choice}.weight": weight + choice, f"a2c_network.logits.{choice}.bias": bias}
        return saved

    class Env(gymnasium.Env[Any, Any]):
        observation_space = Box(-5, 5, (4,), np.float32)
        action_space = MultiDiscrete([2, 2])

    file = edited("rl_games/discrete", tmp_path / "last.pth", several)
    policy, alone = (
        load_policy(file, Env),
        load_policy(LIBRARIES / "rl_games" / "discrete" / "discrete.pth", "CartPole-v1"),
    )
    x = np.ones((2, 4), np.float32) * 0.1
    scores = policy.act(x, Context()).scores
    assert scores.shape == (2, 4)
    np.testing.assert_allclose(scores[:, :2], alone.act(x, Context()).scores, rtol=1e-6)


@pytest.mark.parametrize(
    ("case", "env", "message"),
    [
        ("shared/shared.pth", "MountainCarContinuous-v0", "its actor takes 3 numbers.*an observation has 2"),
        ("shared/shared.pth", "CartPole-v1", "no logits"),
        ("discrete/discrete.pth", "Acrobot-v1", "2 outputs.*Discrete"),
        ("lstm_before/lstm_before.pth", "MountainCarContinuous-v0", "its actor takes 3 numbers"),
    ],
)
def test_another_environment_is_refused(case: str, env: str, message: str) -> None:
    with pytest.raises(MismatchError, match=message):
        load_policy(LIBRARIES / "rl_games" / case, env)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("a2c_network.actor_cnn.0.weight", "sees images"),
        ("a2c_network.actor_mlp.linears.0.weight", "D2RL"),
        ("running_mean_std.running_mean_std.camera.count", "several arrays"),
    ],
)
def test_networks_that_are_not_rebuilt_are_refused_by_what_they_are(key: str, message: str, tmp_path: Path) -> None:
    def extended(saved: dict[str, Any]) -> dict[str, Any]:
        saved["model"][key] = torch.zeros(2, 2)
        return saved

    with pytest.raises(ModelError, match=f"{message}.*TorchPolicy"):
        load_policy(edited("rl_games/shared", tmp_path / "last.pth", extended), "Pendulum-v1")


def test_a_central_value_is_left_out_and_named(tmp_path: Path) -> None:
    def central(saved: dict[str, Any]) -> dict[str, Any]:
        return saved | {"assymetric_vf_nets": {"model.value.weight": torch.zeros(1, 8)}}

    policy = load_policy(edited("rl_games/shared", tmp_path / "last.pth", central), "Pendulum-v1")
    assert policy.heads == ("mean", "action")
    assert any("central value" in note for note in policy.source.notes)


def test_statistics_beside_those_of_the_file_are_refused() -> None:
    with pytest.raises(ArgumentError, match="leave them out"):
        load_policy(SHARED, "Pendulum-v1", normalize={"mean": np.zeros(3), "var": np.ones(3)})
