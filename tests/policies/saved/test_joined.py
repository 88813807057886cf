"""Networks of vectors whose observations are several arrays: they see them joined, in the order of the space."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from edited_weights import LIBRARIES
from gymnasium import Space
from gymnasium.spaces import Box, Dict, Tuple

import rltools
from rltools.policies.base import Context
from rltools.policies.load import load_policy

FILES = ["rsl_rl/v5_normalized/model_3.pt", "rsl_rl/v5_lstm/model_3.pt", "rl_games/shared/shared.pth"]
X = np.array([[0.5, -0.5, 1.0], [0.1, 0.9, -2.0]], np.float32)


def _box(size: int) -> Box:
    return Box(-np.inf, np.inf, (size,), np.float32)


def _env(space: Space[Any], observation: Any) -> Any:
    class Env(gymnasium.Env[Any, Any]):
        observation_space = space
        action_space = Box(-2, 2, (1,), np.float32)

        def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
            return observation, {}

        def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
            return observation, 0.0, False, True, {}

    return Env


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("kind", ["one", "two", "tuple"])
def test_scores_are_those_of_the_joined_vector(file: str, kind: str) -> None:
    spaces: dict[str, Space[Any]] = {
        "one": Dict(policy=_box(3)),
        "two": Dict(angle=_box(2), velocity=_box(1)),
        "tuple": Tuple((_box(1), _box(2))),
    }
    several: Any = {
        "one": {"policy": X},
        "two": {"angle": X[:, :2], "velocity": X[:, 2:]},
        "tuple": (X[:, :1], X[:, 1:]),
    }[kind]
    row = {k: v[0] for k, v in several.items()} if isinstance(several, dict) else tuple(part[0] for part in several)
    policy, flat = load_policy(LIBRARIES / file, _env(spaces[kind], row)), load_policy(LIBRARIES / file, "Pendulum-v1")
    state = torch.zeros(2, policy.state_size) if policy.state_size else None
    assert np.array_equal(policy.act(several, Context(state=state)).actions, flat.act(X, Context(state=state)).actions)
    x = policy.encode(several).requires_grad_()
    (gradient,) = torch.autograd.grad(policy.head("mean", x, Context(state=state)).sum(), x)
    y = flat.encode(X).requires_grad_()
    (expected,) = torch.autograd.grad(flat.head("mean", y, Context(state=state)).sum(), y)
    torch.testing.assert_close(gradient, expected)
    assert any("joined" in note for note in policy.source.notes) == (kind != "one")
    assert len(rltools.record(policy, episodes=1)) == 1


def test_q_values_and_random_actions_take_them_joined() -> None:
    several = {"angle": X[:, :2], "velocity": X[:, 2:]}
    env = _env(Dict(angle=_box(2), velocity=_box(1)), {"angle": X[0, :2], "velocity": X[0, 2:]})
    td3 = "cleanrl/td3_continuous_action/td3_continuous_action.cleanrl_model"
    policy, flat = load_policy(LIBRARIES / td3, env), load_policy(LIBRARIES / td3, "Pendulum-v1")
    action = torch.tensor([[1.5], [-0.5]])
    values = [
        each.head("q_value", each.encode(x), Context(action=action)) for each, x in ((policy, several), (flat, X))
    ]
    assert torch.equal(*values)
    sac = "cleanrl/sac_continuous_action/sac_continuous_action.cleanrl_model"
    policy, flat = load_policy(LIBRARIES / sac, env), load_policy(LIBRARIES / sac, "Pendulum-v1")
    drawn = [
        each.act(x, Context(), deterministic=False, rngs=[np.random.default_rng(row) for row in range(2)]).actions
        for each, x in ((policy, several), (flat, X))
    ]
    assert np.array_equal(*drawn)
