"""What golden files of RSL-RL do not say: privileged critics, images, distillation, other environments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from edited_weights import LIBRARIES, content, edited

from rltools.errors import ArgumentError, MismatchError, ModelError
from rltools.policies.base import Context
from rltools.policies.load import load_policy

X = np.array([[0.5, -0.5, 1.0], [0.1, 0.9, -2.0]], np.float32)


def _file(case: str) -> Path:
    (path,) = (LIBRARIES / "rsl_rl" / case).glob("model_*.pt")
    return path


def test_another_environment_is_refused_with_both_sizes() -> None:
    with pytest.raises(MismatchError, match=r"takes 3 inputs and returns 1 number,.*2 features and 1 action;"):
        load_policy(_file("v5_mlp"), "MountainCarContinuous-v0")


def test_discrete_actions_are_refused() -> None:
    with pytest.raises(ArgumentError, match="continuous actions, not Discrete"):
        load_policy(_file("v5_mlp"), "CartPole-v1")


def test_statistics_beside_those_of_the_file_are_refused() -> None:
    with pytest.raises(ArgumentError, match="leave them out"):
        load_policy(_file("v5_normalized"), "Pendulum-v1", normalize={"mean": np.zeros(3), "var": np.ones(3)})
    load_policy(_file("v5_mlp"), "Pendulum-v1", normalize={"mean": np.zeros(3), "var": np.ones(3)})


def test_a_critic_with_privileged_observations_is_left_out_and_named(tmp_path: Path) -> None:
    def privileged(saved: dict[str, Any]) -> dict[str, Any]:
        saved["critic_state_dict"]["mlp.0.weight"] = torch.zeros(8, 12)
        return saved

    policy = load_policy(edited("rsl_rl/v5_mlp", tmp_path / "model_9.pt", privileged), "Pendulum-v1")
    assert policy.heads == ("mean", "action")
    assert any("observes 12 numbers and the actor 3" in note for note in policy.source.notes)


def test_a_critic_that_normalizes_otherwise_is_left_out_and_named(tmp_path: Path) -> None:
    def other(saved: dict[str, Any]) -> dict[str, Any]:
        saved["critic_state_dict"]["obs_normalizer._mean"] += 1
        return saved

    policy = load_policy(edited("rsl_rl/v5_normalized", tmp_path / "model_9.pt", other), "Pendulum-v1")
    assert "value" not in policy.heads
    assert any("normalizes observations in another way" in note for note in policy.source.notes)


def test_actors_that_see_images_are_refused(tmp_path: Path) -> None:
    def images(saved: dict[str, Any]) -> dict[str, Any]:
        saved["actor_state_dict"]["cnns.camera.0.weight"] = torch.zeros(8, 3, 3, 3)
        return saved

    with pytest.raises(ModelError, match=r"sees images \(cnns.camera.0.weight\)"):
        load_policy(edited("rsl_rl/v5_mlp", tmp_path / "model_9.pt", images), "Pendulum-v1")


@pytest.mark.parametrize("case", ["v2_mlp", "v5_mlp"])
def test_the_student_of_a_distillation_decides(case: str, tmp_path: Path) -> None:
    def distilled(saved: dict[str, Any]) -> dict[str, Any]:
        if "actor_state_dict" in saved:
            return {
                "student_state_dict": saved["actor_state_dict"],
                "teacher_state_dict": saved["critic_state_dict"],
                "iter": 1,
            }
        weights = {
            key.replace("actor.", "student.").replace("critic.", "teacher."): value
            for key, value in saved["model_state_dict"].items()
        }
        return {"model_state_dict": weights, "iter": 1}

    student = load_policy(edited(f"rsl_rl/{case}", tmp_path / "model_9.pt", distilled), "Pendulum-v1")
    actor = load_policy(_file(case), "Pendulum-v1")
    assert student.heads == ("mean", "action")
    assert np.array_equal(student.act(X, Context()).scores, actor.act(X, Context()).scores)


@pytest.mark.parametrize("case", ["v2_mlp", "v3_normalized", "v4_normalized", "v5_mlp", "v5_normalized"])
def test_random_actions_have_the_std_of_the_file(case: str) -> None:
    saved = content(f"rsl_rl/{case}")
    weights = saved.get("actor_state_dict") or saved["model_state_dict"]
    stds = [
        value.exp() if "log" in key else value
        for key, value in weights.items()
        if key.rpartition(".")[2] in ("std", "log_std", "std_param", "log_std_param")
    ]
    policy, rows = load_policy(_file(case), "Pendulum-v1"), 3000
    observations = np.repeat(X[:1] * 0.1, rows, 0)
    rngs = [np.random.default_rng(row) for row in range(rows)]
    drawn = policy.act(observations, Context(), deterministic=False, rngs=rngs).actions
    quartiles = np.quantile(drawn, [0.25, 0.75])  # the few beyond the bounds are clipped, and change the std
    assert np.diff(quartiles).item() / 1.349 == pytest.approx(stds[0].item(), rel=0.06)


def test_a_state_dependent_std_is_read_with_a_caveat() -> None:
    policy = load_policy(_file("v5_state_dependent"), "Pendulum-v1")
    assert any("two outputs per action" in note and "Beta" in note for note in policy.source.notes)
    with pytest.raises(ArgumentError, match="no distribution"):
        policy.act(X, Context(), deterministic=False, rngs=[np.random.default_rng(0)] * 2)


def test_keys_of_another_library_are_refused() -> None:
    with pytest.raises(ModelError, match=r"neither actor_state_dict.mlp.0.weight nor model_state_dict"):
        load_policy(LIBRARIES / "skrl" / "ppo" / "agent_64.pt", "Pendulum-v1", layout="rsl_rl")
