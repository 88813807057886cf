"""Policies of augmented random search: ARS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gymnasium.spaces import Discrete
from sb3_contrib import ARS
from sb3_contrib.ars.policies import ARSLinearPolicy, ARSPolicy
from torch import Tensor

from rltools.policies.actions import greedy
from rltools.policies.sb3._composition import composition_of
from rltools.policies.sb3._heads import Heads, box_bounds, to_bounds
from rltools.policies.torch_policy import Head
from rltools.policies.vjp._chain import Chain, Child
from rltools.policies.vjp._layers import RescaleLayer

CLASSES = (ARSPolicy, ARSLinearPolicy)
ALGORITHMS = (ARS,)
INFERENCE = ("forward", "_predict", "extract_features")
SHOWS_NORMALIZATION = False


def adapt(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights under their current names: a linear policy used to be a layer and is now a sequence of one."""
    renamed = {"action_net.weight": "action_net.0.weight", "action_net.bias": "action_net.0.bias"}
    return {renamed.get(name, name): value for name, value in weights.items()}


def class_of_weights(names: Sequence[str], kwargs: Mapping[str, Any]) -> None:
    """Refuse the file of a policy alone, which does not say whether its actions are squashed.

    Raises:
        LookupError: the policy is one of ARS.
    """
    if all(name.startswith("action_net.") for name in names):
        raise LookupError("a policy of ARS alone, which does not say whether its actions are squashed")


def make_heads(network: ARSPolicy, settings: Mapping[str, Any]) -> Heads:
    """A score per action; or the mean before its bounds, and the action. Nothing is random."""
    space, before = network.action_space, Child(network, ("features_extractor",))
    composition = composition_of(network)
    if isinstance(space, Discrete):
        logit = Chain(before, Child(network, ("action_net",)), composition=composition)
        return Heads({"logit": logit}, lambda scores, *_: greedy(scores))
    if network.squash_output:  # by its last layer
        mean = Chain(before, Child(network, ("action_net",), layers=slice(-1)), composition=composition)
        squashed = Child(network, ("action_net",), layers=slice(-1, None))
        received = Chain(squashed, RescaleLayer(*box_bounds(space)), composition=composition)
    else:
        mean = Chain(before, Child(network, ("action_net",)), composition=composition)
        received = to_bounds(space, squashed=False)
    heads: dict[str, Head] = {"mean": mean, "action": Chain(mean, received)}
    return Heads(heads, lambda scores, *_: received(scores).cpu().numpy())
