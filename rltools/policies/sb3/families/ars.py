"""Policies found by random search: ARS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Discrete
from sb3_contrib.ars.policies import ARSLinearPolicy, ARSPolicy
from torch import Tensor

from rltools.policies._choosing import greedy
from rltools.policies.sb3._outputs import Outputs, clip, unscale

CLASSES = (ARSPolicy, ARSLinearPolicy)
INFERENCE = ("forward", "_predict", "extract_features")
SHOWS_NORMALIZATION = False


def adapt(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights as today's version names them: a linear policy was once a layer, and is now a list of one."""
    moved = {"action_net.weight": "action_net.0.weight", "action_net.bias": "action_net.0.bias"}
    return {moved.get(name, name): value for name, value in weights.items()}


def outputs(network: ARSPolicy, settings: Mapping[str, Any]) -> Outputs:
    """A score for each action, or the action itself; nothing about it is random."""

    def scores(x: Tensor) -> Tensor:
        output: Tensor = network.action_net(network.features_extractor(x))
        return output

    space = network.action_space
    if isinstance(space, Discrete):
        return Outputs({"logit": scores}, lambda output, deterministic, rngs: greedy(output))
    bounded = unscale(space) if network.squash_output else clip(space)

    def choose(action: Tensor, deterministic: bool, rngs: Sequence[np.random.Generator] | None) -> np.ndarray:
        return action.cpu().numpy()

    return Outputs({"action": lambda x: bounded(scores(x))}, choose)
