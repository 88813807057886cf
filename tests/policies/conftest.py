"""Small untrained models of every algorithm that is supported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete

VECTOR = Box(-np.inf, np.inf, (5,), np.float32)
IMAGE = Box(0, 255, (36, 40, 3), np.uint8)
THREE = Discrete(3)
ARM = Box(np.array([-1.0, -3.0], np.float32), np.array([2.0, 5.0], np.float32))


class Still(gymnasium.Env[Any, Any]):
    """An environment of given spaces in which nothing happens."""

    def __init__(self, observation_space: Box, action_space: Any) -> None:
        self.observation_space, self.action_space = observation_space, action_space

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return self.observation_space.sample(), 0.0, False, False, {}


def _model(name: str) -> Any:
    import sb3_contrib
    import stable_baselines3

    algorithm, _, variant = name.partition(" ")
    continuous = algorithm in ("SAC", "TD3", "DDPG", "TQC", "CrossQ") or "box" in variant or "squashed" in variant
    env = Still(IMAGE if "cnn" in variant else VECTOR, ARM if continuous else THREE)
    small: dict[str, Any] = {} if "cnn" in variant else {"policy_kwargs": {"net_arch": [6, 5]}}
    if algorithm in ("SAC", "TD3", "DDPG", "TQC", "CrossQ", "DQN", "QRDQN"):
        small["buffer_size"] = 10
    if "squashed" in variant:
        small["policy_kwargs"]["squash_output"] = True
        small["use_sde"] = True
    if "apart" in variant:
        small["policy_kwargs"] = {"share_features_extractor": False}
    make = getattr(stable_baselines3, algorithm, None) or getattr(sb3_contrib, algorithm)
    kind = "CnnPolicy" if "cnn" in variant else "LinearPolicy" if "linear" in variant else "MlpPolicy"
    if "linear" in variant:
        small = {}
    model = make(kind, env, seed=0, device="cpu", **small)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model


MODELS = (
    "PPO",
    "PPO box",
    "PPO squashed",
    "PPO cnn",
    "PPO cnn apart",
    "A2C",
    "A2C box",
    "TRPO",
    "DQN",
    "DQN cnn",
    "QRDQN",
    "TD3",
    "DDPG",
    "SAC",
    "TQC",
    "CrossQ",
    "ARS",
    "ARS box",
    "ARS linear box",
)


@pytest.fixture(scope="session")
def make_model() -> Callable[[str], Any]:
    """A new model by name, for instance `PPO cnn`."""
    return _model


@pytest.fixture(scope="session", params=MODELS)
def model(request: pytest.FixtureRequest) -> Any:
    """Each model in turn; not to be changed."""
    return _model(request.param)


@pytest.fixture(scope="session")
def draw() -> Callable[..., np.ndarray]:
    """Random observations of a space."""

    def draw(space: Box, rows: int = 6, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        if space.dtype == np.uint8:
            return rng.integers(0, 256, (rows, *space.shape), dtype=np.uint8)
        return rng.standard_normal((rows, *space.shape)).astype(np.float32)

    return draw
