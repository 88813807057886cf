"""What golden files of Tianshou do not say: other ways to act, other environments, networks that are not rebuilt."""

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

CASES = LIBRARIES / "tianshou"
X = np.array([[0.5, -0.5, 1.0], [0.1, 0.9, -2.0]], np.float32)


def test_what_no_file_says_is_noted() -> None:
    policy = load_policy(CASES / "ppo_continuous" / "algorithm.pth", "Pendulum-v1", activation="tanh")
    assert any("clipped to [-1, 1] and scaled" in note for note in policy.source.notes)
    policy = load_policy(CASES / "sac" / "algorithm.pth", "Pendulum-v1")
    assert any("tanh of its outputs" in note for note in policy.source.notes)


def test_outputs_may_be_actions_as_they_are() -> None:
    policy = load_policy(CASES / "sac" / "algorithm.pth", "Pendulum-v1", head="action")
    acted = policy.act(X, Context())
    assert policy.heads == ("action",)
    assert (acted.actions == acted.scores.clip(-2, 2)).all()


def test_the_policy_alone_is_that_of_the_algorithm() -> None:
    whole, alone = (
        load_policy(path, "Pendulum-v1")
        for path in (CASES / "sac" / "algorithm.pth", CASES / "sac_policy" / "policy.pth")
    )
    assert whole.heads == alone.heads
    assert (whole.act(X, Context()).actions == alone.act(X, Context()).actions).all()


@pytest.mark.parametrize(
    ("case", "env", "text"),
    [
        ("ppo", "Acrobot-v1", r"takes 4 inputs and returns 2 numbers.*6 features and 3 actions"),
        ("dqn", "Acrobot-v1", r"takes 4 inputs and returns 2 numbers.*6 features and 3 actions"),
        ("dqn_dueling", "Acrobot-v1", r"takes 4 inputs.*6 features"),
        ("dqn_lstm", "Acrobot-v1", r"takes 4 inputs.*6 features"),
        ("sac", "MountainCarContinuous-v0", r"takes 3 inputs.*2 features"),
    ],
)
def test_another_environment_is_refused_with_both_sizes(case: str, env: str, text: str) -> None:
    with pytest.raises(MismatchError, match=text):
        load_policy(CASES / case / "algorithm.pth", env)


def test_an_actor_of_continuous_actions_where_they_are_discrete() -> None:
    with pytest.raises(ArgumentError, match="actor of continuous actions"):
        load_policy(CASES / "sac" / "algorithm.pth", "CartPole-v1")


def test_a_network_of_ones_own_is_refused_with_what_is_there(tmp_path: Path) -> None:
    def own(saved: dict[str, Any]) -> dict[str, Any]:
        return {key.replace("preprocess.model.model", "preprocess.net"): value for key, value in saved.items()}

    with pytest.raises(ModelError, match=r"net\.0\.weight.*in the place of an MLP"):
        load_policy(edited("tianshou/ppo_policy", tmp_path / "policy.pth", own), "CartPole-v1")


def test_random_actions_of_sac_are_squashed() -> None:
    policy = load_policy(CASES / "sac" / "algorithm.pth", "Pendulum-v1")
    rngs = [np.random.default_rng(seed) for seed in range(200)]
    drawn = policy.act(X[:1].repeat(200, axis=0), Context(), deterministic=False, rngs=rngs).actions
    assert drawn.std() > 0
    assert np.abs(drawn).max() < 2


def test_the_distribution_over_atoms_is_worth_its_mean() -> None:
    policy = load_policy(CASES / "c51" / "algorithm.pth", "CartPole-v1")
    q_values = policy.act(np.zeros((1, 4), np.float32), Context()).scores
    support = torch.load(CASES / "c51" / "algorithm.pth", weights_only=True)["policy.support"]
    assert support.min() < q_values.min()
    assert q_values.max() < support.max()
