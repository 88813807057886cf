"""What golden files of skrl do not say: older versions, networks of the user's own code, other environments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from edited_weights import LIBRARIES, edited

from rltools.errors import ArgumentError, MismatchError, ModelError
from rltools.policies.base import Context
from rltools.policies.load import load_policy

X = np.array([[0.5, -0.5, 1.0], [0.1, 0.9, -2.0]], np.float32)
PPO = LIBRARIES / "skrl" / "ppo" / "agent_64.pt"


def test_the_activation_is_asked_for() -> None:
    with pytest.raises(ArgumentError, match=r"no file of skrl says which function.*activation"):
        load_policy(PPO, "Pendulum-v1")


def test_another_environment_is_refused_with_both_sizes() -> None:
    with pytest.raises(MismatchError, match=r"takes 3 inputs and returns 1 number,.*2 features and 1 action;"):
        load_policy(PPO, "MountainCarContinuous-v0", activation="elu")


def test_the_preprocessor_of_version_1_has_another_name(tmp_path: Path) -> None:
    def older(saved: dict[str, Any]) -> dict[str, Any]:
        saved["state_preprocessor"] = saved.pop("observation_preprocessor")
        return saved

    policy = load_policy(edited("skrl/ppo", tmp_path / "agent_1.pt", older), "Pendulum-v1", activation="elu")
    newer = load_policy(PPO, "Pendulum-v1", activation="elu")
    assert np.array_equal(policy.act(X, Context()).scores, newer.act(X, Context()).scores)


def test_observations_far_from_the_mean_are_clipped_as_skrl_does() -> None:
    policy = load_policy(PPO, "Pendulum-v1", activation="elu")
    far, farther = (policy.act(np.full((1, 3), value, np.float32), Context()).scores for value in (1e3, 1e4))
    assert np.array_equal(far, farther)
    assert policy.clipped(policy.encode(np.full((1, 3), 1e3, np.float32))).all()


def test_a_preprocessor_of_ones_own_is_refused(tmp_path: Path) -> None:
    def own(saved: dict[str, Any]) -> dict[str, Any]:
        saved["observation_preprocessor"] = {"scale": torch.ones(3)}
        return saved

    with pytest.raises(ArgumentError, match="a preprocessor of scale, which is not"):
        load_policy(edited("skrl/ppo", tmp_path / "agent_1.pt", own), "Pendulum-v1", activation="elu")


@pytest.mark.parametrize(
    ("layers", "kind"),
    [
        ({"cnn.0.weight": torch.zeros(8, 3, 3, 3)}, "convolution"),
        ({"lstm.weight_ih_l0": torch.zeros(32, 3), "lstm.weight_hh_l0": torch.zeros(32, 8)}, "LSTM"),
    ],
)
def test_policies_with_more_than_layers_in_a_row_are_refused(layers: dict[str, Any], kind: str, tmp_path: Path) -> None:
    def wider(saved: dict[str, Any]) -> dict[str, Any]:
        saved["policy"] = layers | saved["policy"]
        return saved

    with pytest.raises(ModelError, match=f"policy has .*{kind}.*not linear layers in a row.*TorchPolicy"):
        load_policy(edited("skrl/ppo", tmp_path / "agent_1.pt", wider), "Pendulum-v1", activation="elu")


def test_a_value_network_of_other_observations_is_left_out_and_named(tmp_path: Path) -> None:
    def asymmetric(saved: dict[str, Any]) -> dict[str, Any]:
        saved["value"]["net_container.0.weight"] = torch.zeros(8, 7)
        return saved

    policy = load_policy(edited("skrl/ppo", tmp_path / "agent_1.pt", asymmetric), "Pendulum-v1", activation="elu")
    assert policy.heads == ("mean", "action")
    assert any("value network does not observe" in note for note in policy.source.notes)


def test_what_no_file_says_is_a_caveat() -> None:
    notes = load_policy(PPO, "Pendulum-v1", activation="elu").source.notes
    assert any("a function of it in the model is in no file" in note for note in notes)
    assert any("clipped at 5 standard deviations" in note for note in notes)
