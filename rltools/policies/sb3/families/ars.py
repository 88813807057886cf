"""Policies found by random search: ARS."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from gymnasium.spaces import Discrete
from sb3_contrib.ars.policies import ARSLinearPolicy, ARSPolicy
from torch import Tensor

from rltools.policies._chain import Chain
from rltools.policies._choosing import greedy
from rltools.policies.sb3._deciding import as_array
from rltools.policies.sb3._outputs import Outputs, bounding, layers
from rltools.policies.torch_policy import Head

CLASSES = (ARSPolicy, ARSLinearPolicy)
INFERENCE = ("forward", "_predict", "extract_features")
SHOWS_NORMALIZATION = False


def adapt(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights as today's version names them: a linear policy was once a layer, and is now a list of one."""
    moved = {"action_net.weight": "action_net.0.weight", "action_net.bias": "action_net.0.bias"}
    return {moved.get(name, name): value for name, value in weights.items()}


def outputs(network: ARSPolicy, settings: Mapping[str, Any]) -> Outputs:
    """A score for each action; or the mean, before it is bounded, and the action. Nothing about it is random."""
    before, space = layers(network.features_extractor), network.action_space
    if isinstance(space, Discrete):
        return Outputs({"logit": Chain(*before, network.action_net)}, _highest)
    squashed = network.squash_output
    last = len(network.action_net) - squashed
    mean = Chain(*before, network.action_net[:last])
    received = bounding(space, squashed=squashed)
    heads: dict[str, Head] = {"mean": mean, "action": Chain(mean, received)}
    return Outputs(heads, partial(as_array, received))


def _highest(scores: Tensor, *_: Any) -> np.ndarray:
    return greedy(scores)
