"""Policies found by random search: ARS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gymnasium.spaces import Discrete
from sb3_contrib.ars.policies import ARSLinearPolicy, ARSPolicy
from torch import Tensor

from rltools.policies.actions import greedy
from rltools.policies.sb3._composition import composition_of
from rltools.policies.sb3._heads import Heads, bounding, bounds
from rltools.policies.torch_policy import Head
from rltools.policies.vjp._chain import Chain, Child
from rltools.policies.vjp._layers import Unscaled

CLASSES = (ARSPolicy, ARSLinearPolicy)
INFERENCE = ("forward", "_predict", "extract_features")
SHOWS_NORMALIZATION = False


def adapt(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights as today's version names them: a linear policy was once a layer, and is now a list of one."""
    moved = {"action_net.weight": "action_net.0.weight", "action_net.bias": "action_net.0.bias"}
    return {moved.get(name, name): value for name, value in weights.items()}


def outputs(network: ARSPolicy, settings: Mapping[str, Any]) -> Heads:
    """A score for each action; or the mean, before it is bounded, and the action. Nothing about it is random."""
    space, before = network.action_space, Child(network, ("features_extractor",))
    composition = composition_of(network)
    if isinstance(space, Discrete):
        logit = Chain(before, Child(network, ("action_net",)), composition=composition)
        return Heads({"logit": logit}, lambda scores, *_: greedy(scores))
    if network.squash_output:  # its own last layer does that
        mean = Chain(before, Child(network, ("action_net",), layers=slice(-1)), composition=composition)
        squashed = Child(network, ("action_net",), layers=slice(-1, None))
        received = Chain(squashed, Unscaled(*bounds(space)), composition=composition)
    else:
        mean = Chain(before, Child(network, ("action_net",)), composition=composition)
        received = bounding(space, squashed=False)
    heads: dict[str, Head] = {"mean": mean, "action": Chain(mean, received)}
    return Heads(heads, lambda scores, *_: received(scores).cpu().numpy())
