"""Outputs of the real network settle whether a rebuilt one computes the same, and which activation it needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import rltools
from rltools.errors import ArgumentError, ModelError
from rltools.policies.load import load_policy


@pytest.fixture
def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.ELU(), nn.Linear(16, 16), nn.ELU(), nn.Linear(16, 2))


@pytest.fixture
def path(network: nn.Sequential, tmp_path: Path) -> Path:
    torch.save({"q_network": network.state_dict()}, tmp_path / "q.pt")
    return tmp_path / "q.pt"


@pytest.fixture
def outputs(network: nn.Sequential) -> dict[str, np.ndarray]:
    x = 3 * torch.randn(50, 4)
    scores = network(x).detach()
    return {"observations": x.numpy(), "scores": scores.numpy(), "actions": scores.argmax(1).numpy()}


def without(arrays: dict[str, np.ndarray], *names: str) -> dict[str, np.ndarray]:
    return {name: value for name, value in arrays.items() if name not in names}


def test_what_agrees_is_noted(path: Path, outputs: dict[str, np.ndarray], tmp_path: Path) -> None:
    np.savez(tmp_path / "outputs.npz", **outputs)
    for check in (outputs, tmp_path / "outputs.npz", str(tmp_path / "outputs.npz")):
        policy = load_policy(path, "CartPole-v1", activation="elu", check=check)
        assert policy.source.notes[-1] == "its scores and actions are those given for 50 observations"
    policy = load_policy(path, "CartPole-v1", activation="elu", check=without(outputs, "scores"))
    assert policy.source.notes[-1] == "its actions are those given for 50 observations"


def test_another_activation_is_an_error_that_says_which_fits(path: Path, outputs: dict[str, np.ndarray]) -> None:
    message = (
        r"scores differ by .*actions differ at \d+ of 50 rows.*with tanh.*with activation='celu' or activation='elu':"
    )
    with pytest.raises(ModelError, match=message):
        load_policy(path, "CartPole-v1", activation="tanh", check=outputs)


def test_an_activation_is_not_taken_because_it_fits(path: Path, outputs: dict[str, np.ndarray]) -> None:
    with pytest.raises(ArgumentError, match=r"not guessed.*check= agrees with activation='celu' or activation='elu'"):
        load_policy(path, "CartPole-v1", check=outputs)


def test_outputs_of_another_network_fit_with_nothing(path: Path, outputs: dict[str, np.ndarray]) -> None:
    outputs["scores"] = outputs["scores"] + 1
    with pytest.raises(ModelError, match="No other activation makes it the same; give another layout="):
        load_policy(path, "CartPole-v1", activation="elu", check=without(outputs, "actions"))


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ({"observations": np.zeros((3, 4))}, "check has observations; give"),
        ({"scores": np.zeros((3, 2))}, "check has scores; give"),
        ({"observations": np.zeros((3, 4)), "scores": np.zeros((4, 2))}, r"shape \[4, 2\].*\[3, 2\]"),
        (3, "check is a int"),
    ],
)
def test_a_check_of_another_form_is_refused(path: Path, check: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        load_policy(path, "CartPole-v1", activation="elu", check=check)


def test_a_recurrent_network_is_checked_step_by_step(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = nn.ModuleDict({"encoder": nn.Linear(4, 8), "rnn": nn.LSTM(8, 6), "policy": nn.Linear(6, 2)})
    torch.save(network.state_dict(), tmp_path / "recurrent.pt")
    x = torch.randn(9, 3, 4)
    scores = network["policy"](network["rnn"](network["encoder"](x).relu())[0]).detach()
    check = {"observations": x.numpy(), "scores": scores.numpy(), "actions": scores.argmax(-1).numpy()}
    policy = load_policy(tmp_path / "recurrent.pt", "CartPole-v1", activation="relu", head="logit", check=check)
    assert policy.source.notes[-1] == "its scores and actions are those given for 27 observations"
    assert policy.state_size == 12
    with pytest.raises(ModelError, match="the same with activation='relu'"):
        load_policy(tmp_path / "recurrent.pt", "CartPole-v1", activation="tanh", head="logit", check=check)


def test_models_that_describe_themselves_are_checked_and_take_no_description() -> None:
    observations = np.array([[0.0, 0.0, 0.2, 0.0], [0.0, 0.0, -0.2, 0.0]])
    load_policy("cartpole-ppo", check={"observations": observations, "actions": [1, 0]})
    with pytest.raises(ModelError, match="actions differ at 2 of 2 rows"):
        load_policy("cartpole-ppo", check={"observations": observations, "actions": [0, 1]})
    for name, value in {"layout": "plain", "activation": "tanh", "strides": (1,), "head": "logit"}.items():
        with pytest.raises(ArgumentError, match=f"{name} is for files of weights alone.*give no {name}="):
            load_policy("cartpole-ppo", **{name: value})


def test_an_explanation_refuses_another_activation(path: Path, tmp_path: Path) -> None:
    policy = load_policy(path, "CartPole-v1", activation="elu")
    recording = rltools.record(policy, episodes=1, max_steps=5, directory=tmp_path / "run")
    with pytest.raises(rltools.errors.RltoolsError, match="is not the policy that was recorded"):
        rltools.explain(recording, load_policy(path, "CartPole-v1", activation="relu"), method="gradient")
