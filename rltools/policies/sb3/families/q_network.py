"""Networks of a value for each action: DQN and QR-DQN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sb3_contrib.qrdqn.policies import CnnPolicy as QuantileCnnPolicy
from sb3_contrib.qrdqn.policies import MultiInputPolicy as QuantileMultiInputPolicy
from sb3_contrib.qrdqn.policies import QRDQNPolicy
from stable_baselines3.dqn.policies import CnnPolicy, DQNPolicy, MultiInputPolicy
from torch import Tensor

from rltools.errors import ArgumentError
from rltools.policies._chain import chain
from rltools.policies._choosing import epsilon_greedy, greedy
from rltools.policies.sb3._outputs import Outputs, layers

CLASSES = (DQNPolicy, CnnPolicy, MultiInputPolicy, QRDQNPolicy, QuantileCnnPolicy, QuantileMultiInputPolicy)
INFERENCE = ("forward", "_predict", "extract_features")
SHOWS_NORMALIZATION = False


def outputs(network: Any, settings: Mapping[str, Any]) -> Outputs:
    """The expected return of each action; for QR-DQN the mean over its quantiles."""
    quantiles = None if hasattr(network, "q_net") else network.quantile_net
    inner = network.q_net if quantiles is None else quantiles
    net = chain(*layers(inner.features_extractor), inner.q_net if quantiles is None else quantiles.quantile_net)

    def q_values(x: Any) -> Tensor:
        values = net(x)
        return values if quantiles is None else values.view(len(values), quantiles.n_quantiles, -1).mean(dim=1)

    def choose(scores: Tensor, deterministic: bool, rngs: Sequence[np.random.Generator] | None) -> np.ndarray:
        if deterministic:
            return greedy(scores)
        epsilon = settings.get("exploration_rate")
        if not isinstance(epsilon, (int, float)):
            raise ArgumentError("random actions need the exploration rate, which this model does not say")
        return epsilon_greedy(scores, epsilon, rngs)

    return Outputs({"q_value": q_values}, choose)
