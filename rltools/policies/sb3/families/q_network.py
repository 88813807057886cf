"""Networks of a value for each action: DQN and QR-DQN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from sb3_contrib.qrdqn.policies import CnnPolicy as QuantileCnnPolicy
from sb3_contrib.qrdqn.policies import MultiInputPolicy as QuantileMultiInputPolicy
from sb3_contrib.qrdqn.policies import QRDQNPolicy
from stable_baselines3.dqn.policies import CnnPolicy, DQNPolicy, MultiInputPolicy
from torch import Tensor

from rltools.errors import ArgumentError
from rltools.policies._chain import Chain
from rltools.policies._choosing import epsilon_greedy, greedy
from rltools.policies.sb3._outputs import Outputs, layers
from rltools.policy import Back

CLASSES = (DQNPolicy, CnnPolicy, MultiInputPolicy, QRDQNPolicy, QuantileCnnPolicy, QuantileMultiInputPolicy)
INFERENCE = ("forward", "_predict", "extract_features")
SHOWS_NORMALIZATION = False


def outputs(network: Any, settings: Mapping[str, Any]) -> Outputs:
    """The expected return of each action; for QR-DQN the mean over its quantiles."""
    quantiles = None if hasattr(network, "q_net") else network.quantile_net
    inner = network.q_net if quantiles is None else quantiles
    before = layers(inner.features_extractor)
    if quantiles is None:
        q_values = Chain(*before, inner.q_net)
    else:
        q_values = Chain(*before, quantiles.quantile_net, _MeanOfQuantiles(quantiles.n_quantiles))

    return Outputs({"q_value": q_values}, partial(_choose, settings.get("exploration_rate")))


def _choose(
    epsilon: Any, scores: Tensor, deterministic: bool, rngs: Sequence[np.random.Generator] | None
) -> np.ndarray:
    if deterministic:
        return greedy(scores)
    if not isinstance(epsilon, (int, float)):
        raise ArgumentError("random actions need the exploration rate, which this model does not say")
    return epsilon_greedy(scores, epsilon, rngs)


class _MeanOfQuantiles:
    """`[batch, count * action]` -> `[batch, action]`; see `rltools.policies._layers.Layer`."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __call__(self, x: Tensor) -> Tensor:
        return x.view(len(x), self.count, -1).mean(dim=1)

    def pull(self, x: Tensor) -> tuple[Tensor, Back]:
        return self(x), lambda g: torch.cat([g / self.count] * self.count, dim=-1)
