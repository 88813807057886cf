"""Q-networks: DQN and QR-DQN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from sb3_contrib import QRDQN
from sb3_contrib.qrdqn.policies import CnnPolicy as QuantileCnnPolicy
from sb3_contrib.qrdqn.policies import MultiInputPolicy as QuantileMultiInputPolicy
from sb3_contrib.qrdqn.policies import QRDQNPolicy
from stable_baselines3 import DQN
from stable_baselines3.dqn.policies import CnnPolicy, DQNPolicy, MultiInputPolicy
from torch import Tensor, nn

from rltools.errors import ArgumentError
from rltools.policies.actions import epsilon_greedy, greedy
from rltools.policies.base import VjpFn
from rltools.policies.sb3._composition import CHILDREN, composition_of, is_as_imported
from rltools.policies.sb3._heads import Heads
from rltools.policies.sb3._preprocess import without_preprocessing
from rltools.policies.vjp._chain import Chain, Child
from rltools.policies.vjp._plan import is_plain

CLASSES = (DQNPolicy, CnnPolicy, MultiInputPolicy, QRDQNPolicy, QuantileCnnPolicy, QuantileMultiInputPolicy)
ALGORITHMS = (DQN, QRDQN)
INFERENCE = ("forward", "_predict", "extract_features")
SHOWS_NORMALIZATION = False
SETTINGS = ("exploration_rate",)


def class_of_weights(names: Sequence[str], kwargs: Mapping[str, Any]) -> type[nn.Module] | None:
    """The class of Q-networks with these weights."""
    for prefix, cls in (("quantile_net.", QRDQNPolicy), ("q_net.", DQNPolicy)):
        if any(name.startswith(prefix) for name in names):
            return cls
    return None


def make_heads(network: Any, settings: Mapping[str, Any]) -> Heads:
    """The expected return of each action; for QR-DQN the mean over its quantiles."""
    composition = composition_of(network)
    if hasattr(network, "q_net"):
        q_values = Chain(_Inner(network, "q_net"), composition=composition)
    else:
        mean = _MeanOfQuantiles(network)
        q_values = Chain(_Inner(network, "quantile_net"), mean, composition=composition)

    def choose(scores: Tensor, deterministic: bool, rngs: Sequence[np.random.Generator] | None) -> np.ndarray:
        if deterministic:
            return greedy(scores)
        epsilon = settings.get("exploration_rate")
        if not isinstance(epsilon, (int, float)):
            raise ArgumentError("random actions need the exploration rate, which this model does not have")
        return epsilon_greedy(scores, epsilon, rngs)

    return Heads({"q_value": q_values}, choose)


class _Inner(Child):
    """The network that a policy's `_predict` calls, which preprocesses observations itself.

    Unless it is hooked, its parts are called instead, so that every kind of observation has a gradient.
    """

    def __init__(self, network: Any, name: str) -> None:
        super().__init__(network, (name,))

    def __call__(self, x: Any) -> Tensor:
        (name,) = self.path
        inner: Any = getattr(self.root, name)
        names = CHILDREN.get((type(inner), "forward"))
        if names is not None and is_plain(inner) and is_as_imported():
            for part in names:
                x = getattr(inner, part)(x)
            y: Tensor = x
            return y
        outputs: Tensor = inner(without_preprocessing(x, inner.observation_space, scaled=inner.normalize_images))
        return outputs.flatten(1)


class _MeanOfQuantiles:
    """`[batch, count * action]` -> `[batch, action]`; see `rltools.policies.vjp._layers.Layer`."""

    def __init__(self, network: Any) -> None:
        self.network = network

    @property
    def count(self) -> int:
        """The number of quantiles per action."""
        return int(self.network.quantile_net.n_quantiles)

    def __call__(self, x: Tensor) -> Tensor:
        return x.view(len(x), self.count, -1).mean(dim=1)

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn]:
        count = self.count
        return self(x), lambda g: torch.cat([g / count] * count, dim=-1)
