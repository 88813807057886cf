"""What golden files of TorchRL do not say: what its outputs are, other environments, parts that are not rebuilt."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from edited_weights import LIBRARIES, edited

from rltools.errors import ArgumentError, MismatchError, ModelError
from rltools.policies.base import Context
from rltools.policies.load import load_policy

CASES = LIBRARIES / "torchrl"
X = np.array([[0.5, -0.5, 1.0], [0.1, 0.9, -2.0]], np.float32)


def test_what_the_outputs_of_a_choice_are_is_asked_for() -> None:
    with pytest.raises(
        ArgumentError, match=r"logits \(ProbabilisticActor\) or values \(QValueActor\); give head='logit'"
    ):
        load_policy(CASES / "dqn" / "actor.pt", "CartPole-v1")
    assert load_policy(CASES / "dqn" / "actor.pt", "CartPole-v1", head="logit").heads == ("logit",)


def test_a_loss_of_q_values_says_what_they_are(tmp_path: Path) -> None:
    def loss(saved: dict[str, Any]) -> dict[str, Any]:
        return {f"value_network_params.{key}": value for key, value in saved.items()}

    path = edited("torchrl/dqn", tmp_path / "loss.pt", loss)
    assert load_policy(path, "CartPole-v1").heads == ("q_value",)


def test_outputs_may_be_actions_as_they_are() -> None:
    policy = load_policy(CASES / "deterministic" / "actor.pt", "Pendulum-v1", head="action")
    acted = policy.act(X, Context())
    assert (acted.actions == acted.scores.clip(-2, 2)).all()
    squashed = load_policy(CASES / "deterministic" / "actor.pt", "Pendulum-v1").act(X, Context())
    np.testing.assert_allclose(squashed.actions, 2 * np.tanh(acted.scores), rtol=1e-5)


@pytest.mark.parametrize(("case", "env"), [("sac", "MountainCarContinuous-v0"), ("ppo", "Acrobot-v1")])
def test_another_environment_is_refused_with_both_sizes(case: str, env: str) -> None:
    (path,) = (CASES / case).glob("*.pt")
    with pytest.raises(MismatchError, match=r"takes \d inputs and returns \d numbers?.*has \d features"):
        load_policy(path, env)


def test_an_actor_with_a_common_trunk_is_refused_with_its_parts(tmp_path: Path) -> None:
    def common(saved: dict[str, Any]) -> dict[str, Any]:
        return saved | {"module.1.module.0.weight": torch.zeros(3, 2), "module.2.module.0.weight": torch.zeros(1, 2)}

    with pytest.raises(ModelError, match="layers and layers and layers, one after another"):
        load_policy(edited("torchrl/dqn", tmp_path / "actor.pt", common), "CartPole-v1", head="q_value")


def test_parts_that_are_no_layers_are_named(tmp_path: Path) -> None:
    def noisy(saved: dict[str, Any]) -> dict[str, Any]:
        return saved | {"module.0.module.4.weight_mu": torch.zeros(2, 8)}

    with pytest.raises(ModelError, match=r"part 0 of its actor has module\.4\.weight_mu"):
        load_policy(edited("torchrl/dqn", tmp_path / "actor.pt", noisy), "CartPole-v1", head="q_value")


def test_a_checkpoint_of_several_components_has_the_policy_first(tmp_path: Path) -> None:
    root = Path(shutil.copytree(CASES / "checkpoint" / "checkpoint", tmp_path / "checkpoint"))
    shutil.copytree(root / "components" / "0000-policy", root / "components" / "0001-critic")
    content = json.loads((root / "manifest.json").read_text(encoding="utf-8"))
    content["components"]["critic"] = content["components"]["policy"] | {"path": "components/0001-critic"}
    (root / "manifest.json").write_text(json.dumps(content), encoding="utf-8")
    several, single = (load_policy(path, "Pendulum-v1") for path in (root, CASES / "checkpoint" / "checkpoint"))
    assert (several.act(X, Context()).scores == single.act(X, Context()).scores).all()
    assert several.source.sha256 != single.source.sha256


def test_the_std_is_the_default_of_the_library() -> None:
    policy = load_policy(CASES / "sac" / "actor.pt", "Pendulum-v1")
    rngs = [np.random.default_rng(seed) for seed in range(4000)]
    drawn = policy.act(X[:1].repeat(4000, axis=0), Context(), deterministic=False, rngs=rngs).actions
    weights = torch.load(CASES / "sac" / "actor.pt", weights_only=True)
    h = torch.from_numpy(X[:1])
    for number in (0, 2, 4):
        name = f"module.0.module.0.{number}"
        h = torch.nn.functional.linear(h, weights[f"{name}.weight"], weights[f"{name}.bias"])
        h = torch.tanh(h) if number < 4 else h
    std = torch.log(1 + torch.exp(h[0, 1] + np.log(np.e - 1)))
    assert np.arctanh(drawn / 2).std() == pytest.approx(float(std), rel=0.05)
