"""Small untrained models of every algorithm, with every kind of observations and of actions that it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import Space
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete

VECTOR = Box(-np.inf, np.inf, (5,), np.float32)
IMAGE = Box(0, 255, (36, 40, 3), np.uint8)
OBSERVED = {
    "vector": VECTOR,
    "cnn": IMAGE,
    "choice": Discrete(4),
    "choices": MultiDiscrete([3, 2]),
    "bits": MultiBinary(3),
    "dict": Dict(
        camera=IMAGE, cell=Discrete(3), doors=MultiDiscrete([2, 3]), lamps=MultiBinary(2), speed=Box(-9, 9, (2, 2))
    ),
}
ACTED = {
    "discrete": Discrete(3),
    "several": MultiDiscrete([3, 2]),
    "flags": MultiBinary(2),
    "box": Box(np.array([-1.0, -3.0], np.float32), np.array([2.0, 5.0], np.float32)),
}
ON_POLICY, OFF_POLICY = ("PPO", "A2C", "TRPO"), ("SAC", "TD3", "DDPG", "TQC", "CrossQ")
ANY_ACTION = ("discrete", "several", "flags", "box")

# Every algorithm with every kind of actions that it knows. ARS and CrossQ have no policy for Dicts, and with today's
# PyTorch RecurrentPPO cannot be made for a MultiDiscrete.
SUPPORTED = {
    **dict.fromkeys(ON_POLICY, ANY_ACTION),
    "RecurrentPPO": ANY_ACTION,
    "MaskablePPO": ("discrete", "several", "flags"),
    "DQN": ("discrete",),
    "QRDQN": ("discrete",),
    **dict.fromkeys(OFF_POLICY, ("box",)),
    "ARS": ("discrete", "box"),
}
MODELS = [
    f"{algorithm} {observed} {acted}"
    for algorithm, actions in SUPPORTED.items()
    for observed in OBSERVED
    for acted in actions
    if (algorithm, observed) not in (("ARS", "dict"), ("CrossQ", "dict"), ("RecurrentPPO", "choices"))
]
VARIANTS = [
    "PPO cnn discrete apart",
    "PPO dict box apart",
    "PPO vector box sde",
    "PPO vector box squashed",
    "ARS vector box linear",
    "SAC vector box sde",
    "TQC cnn box sde",
    "SAC cnn box shared",
    "TD3 dict box shared",
    "TQC cnn box shared",
    "CrossQ cnn box shared",
    "RecurrentPPO vector discrete shared",
    "RecurrentPPO cnn several deep",
    "RecurrentPPO vector discrete forgetful",
    "RecurrentPPO dict box apart",
    "RecurrentPPO vector box sde",
]


class Still(gymnasium.Env[Any, Any]):
    """An environment of given spaces in which nothing happens."""

    def __init__(self, observation_space: Space[Any], action_space: Space[Any]) -> None:
        self.observation_space, self.action_space = observation_space, action_space

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return self.observation_space.sample(), 0.0, False, False, {}


_KWARGS: dict[str, dict[str, Any]] = {
    "squashed": {"squash_output": True},
    "apart": {"share_features_extractor": False},
    "shared": {"share_features_extractor": True},
    "deep": {"n_lstm_layers": 2},
    "forgetful": {"enable_critic_lstm": False},
}


def _model(name: str, env: Callable[[Any], Any] | None = None, **policy_kwargs: Any) -> Any:
    import sb3_contrib
    import stable_baselines3

    algorithm, *words = name.split()
    observed = next((word for word in words if word in OBSERVED), "vector")
    acted = next((word for word in words if word in ACTED), "box" if algorithm in OFF_POLICY else "discrete")
    flags = set(words) - {observed, acted}
    kwargs: dict[str, Any] = {} if flags & {"linear"} else {"net_arch": [6, 5]}
    if observed in ("cnn", "dict") and algorithm != "ARS":
        kwargs["features_extractor_kwargs"] = {"features_dim": 16} if observed == "cnn" else {"cnn_output_dim": 16}
    if algorithm == "CrossQ" and observed == "cnn":
        from stable_baselines3.common.torch_layers import NatureCNN

        kwargs["features_extractor_class"] = NatureCNN
    if algorithm == "RecurrentPPO":
        kwargs["lstm_hidden_size"] = 7
    for flag in flags & set(_KWARGS):
        kwargs |= _KWARGS[flag]
    if algorithm == "RecurrentPPO" and "shared" in flags:
        kwargs |= {"shared_lstm": True, "enable_critic_lstm": False}
    options: dict[str, Any] = {"use_sde": True} if flags & {"sde", "squashed"} else {}
    if algorithm in (*OFF_POLICY, "DQN", "QRDQN"):
        options["buffer_size"] = 10
    kind = {"cnn": "Cnn", "dict": "MultiInput"}.get(observed, "Mlp") if algorithm not in ("ARS", "CrossQ") else "Mlp"
    if "linear" in flags:
        kind = "Linear"
    make = getattr(stable_baselines3, algorithm, None) or getattr(sb3_contrib, algorithm)
    space = OBSERVED[observed]
    if algorithm == "RecurrentPPO" and isinstance(space, Dict):
        space = Dict({key: part for key, part in space.items() if key != "doors"})
    env = Still(space, ACTED[acted]) if env is None else env(Still(space, ACTED[acted]))
    lstm = "Lstm" if algorithm == "RecurrentPPO" else ""
    model = make(f"{kind}{lstm}Policy", env, seed=0, device="cpu", policy_kwargs=kwargs | policy_kwargs, **options)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model


@pytest.fixture(scope="session")
def make_model() -> Callable[..., Any]:
    """A new model by name, for instance `PPO cnn`; what its environment is put into, and policy_kwargs."""
    return _model


@pytest.fixture(scope="session", params=MODELS + VARIANTS)
def model(request: pytest.FixtureRequest) -> Any:
    """Each model in turn; not to be changed."""
    return _model(request.param)


@pytest.fixture(scope="session")
def draw() -> Callable[..., Any]:
    """Random observations of a space."""
    from rltools.testing._policy_cases import drawn_observations

    def draw(space: Space[Any], rows: int = 6, seed: int = 0) -> Any:
        return drawn_observations(space, rows, np.random.default_rng(seed))

    return draw
