"""What golden files of d3rlpy do not say: no settings beside, images, algorithms and encoders that are not rebuilt."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from edited_weights import LIBRARIES, edited
from gymnasium.spaces import Box, Discrete
from torch import nn

from rltools.errors import ArgumentError, MismatchError, ModelError
from rltools.policies.base import Context
from rltools.policies.load import load_policy

CASES = LIBRARIES / "d3rlpy"
X = np.array([[0.5, -0.5, 1.0], [0.1, 0.9, -2.0]], np.float32)


def with_settings(tmp_path: Path, case: str, **params: Any) -> Path:
    """A model with some of its settings changed."""
    settings = json.loads((CASES / case / "params.json").read_text(encoding="utf-8"))
    settings["config"]["type"] = params.pop("type", settings["config"]["type"])
    settings["config"]["params"] |= params
    (tmp_path / "params.json").write_text(json.dumps(settings), encoding="utf-8")
    return Path(shutil.copy(CASES / case / "model.pt", tmp_path))


def test_weights_without_settings_have_no_scalers_and_say_so(tmp_path: Path) -> None:
    path = Path(shutil.copy(CASES / "sac" / "model.pt", tmp_path))
    policy, whole = load_policy(path, "Pendulum-v1"), load_policy(CASES / "sac" / "model.pt", "Pendulum-v1")
    assert any("no params.json" in note for note in policy.source.notes)
    assert (policy.act(X, Context()).scores != whole.act(X, Context()).scores).all()


def test_settings_say_the_activation_and_the_discount(tmp_path: Path) -> None:
    policy = load_policy(CASES / "discrete_cql" / "model.pt", "CartPole-v1")
    assert "with tanh between its layers (as its settings say)" in policy.source.notes[0]
    assert policy.discounting.gamma == 0.99


@pytest.mark.parametrize("name", ["bcq", "discrete_bcq", "bear", "plas", "crr"])
def test_algorithms_that_choose_in_other_ways_are_refused_by_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError, match=f"trained with {name.upper()}, which .*FunctionPolicy"):
        load_policy(with_settings(tmp_path, "sac", type=name), "Pendulum-v1")


def test_scalers_of_ones_own_are_refused(tmp_path: Path) -> None:
    path = with_settings(tmp_path, "sac", observation_scaler={"type": "mine", "params": {}})
    with pytest.raises(ModelError, match="scales observations by 'mine'"):
        load_policy(path, "Pendulum-v1")
    path = with_settings(tmp_path, "sac", action_scaler={"type": "mine", "params": {}})
    with pytest.raises(ModelError, match="scales actions by 'mine'"):
        load_policy(path, "Pendulum-v1")


def test_encoders_with_blocks_are_refused(tmp_path: Path) -> None:
    path = with_settings(tmp_path, "dqn", encoder_factory={"type": "simba", "params": {}})
    with pytest.raises(ModelError, match="its encoder is 'simba'"):
        load_policy(path, "CartPole-v1")


def test_implicit_quantiles_are_refused(tmp_path: Path) -> None:
    def implicit(saved: dict[str, Any]) -> dict[str, Any]:
        saved["q_funcs"]["0._embed.weight"] = torch.zeros(8, 64)
        return saved

    path = tmp_path / "model.pt"
    with pytest.raises(ModelError, match=r"its Q-functions have _embed"):
        load_policy(edited("d3rlpy/dqn", path, implicit), "CartPole-v1")


@pytest.mark.parametrize(("case", "env"), [("sac", "MountainCarContinuous-v0"), ("dqn", "Acrobot-v1")])
def test_another_environment_is_refused_with_both_sizes(tmp_path: Path, case: str, env: str) -> None:
    path = Path(shutil.copy(CASES / case / "model.pt", tmp_path))
    with pytest.raises(MismatchError, match=r"takes \d inputs and returns \d numbers?.*has \d features"):
        load_policy(path, env)


def test_q_functions_alone_do_not_choose_continuous_actions() -> None:
    with pytest.raises(ModelError, match="Q-functions and no policy"):
        load_policy(CASES / "dqn" / "model.pt", "Pendulum-v1")


def test_actions_of_more_dimensions_than_the_environment_has(tmp_path: Path) -> None:
    scaler = {"type": "min_max", "params": {"minimum": [-1.0, -1.0], "maximum": [1.0, 1.0]}}
    with pytest.raises(ArgumentError, match="scales actions of 2 dimensions"):
        load_policy(with_settings(tmp_path, "sac", action_scaler=scaler), "Pendulum-v1")


class Images(gymnasium.Env[np.ndarray, int]):
    observation_space = Box(0, 255, (1, 12, 12), np.uint8)
    action_space = Discrete(3)


@pytest.mark.parametrize("scaler", ["pixel", "none"])
def test_images_take_strides_and_scale_from_the_settings(tmp_path: Path, scaler: str) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 2, 4, 2),
        nn.ELU(),
        nn.Conv2d(2, 2, 3, 1),
        nn.ELU(),
        nn.Flatten(),
        nn.Linear(18, 5),
        nn.ELU(),
        nn.Linear(5, 3),
    )
    names = {"0": "_encoder._cnn_layers.0", "2": "_encoder._cnn_layers.2", "5": "_encoder._last_layers.0", "7": "_fc"}
    keys = {f"0.{names[key[0]]}.{key[2:]}": value for key, value in network.state_dict().items()}
    torch.save({"q_funcs": keys}, tmp_path / "model.pt")
    encoder = {"type": "pixel", "params": {"filters": [[2, 4, 2], [2, 3, 1]], "activation": "elu"}}
    params = {"encoder_factory": encoder, "observation_scaler": {"type": scaler, "params": {}}}
    settings = {"observation_shape": [1, 12, 12], "action_size": 3, "config": {"type": "dqn", "params": params}}
    (tmp_path / "params.json").write_text(json.dumps(settings), encoding="utf-8")
    images = np.random.default_rng(0).integers(0, 256, (4, 1, 12, 12), np.uint8)
    with torch.no_grad():
        expected = network(torch.from_numpy(images) / (255.0 if scaler == "pixel" else 1.0))
    actual = load_policy(tmp_path / "model.pt", Images).act(images, Context()).scores
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)
