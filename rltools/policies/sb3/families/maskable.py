"""Actor-critic networks with action masks: MaskablePPO.

The logits are those before the mask, which sets the logits of invalid actions to -1e8 and their gradients to 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.policies import (
    MaskableActorCriticCnnPolicy,
    MaskableActorCriticPolicy,
    MaskableMultiInputActorCriticPolicy,
)
from torch import nn

from rltools.policies.sb3._heads import Heads
from rltools.policies.sb3.families import on_policy
from rltools.policies.sb3.families.on_policy import is_feedforward, towers

CLASSES = (MaskableActorCriticPolicy, MaskableActorCriticCnnPolicy, MaskableMultiInputActorCriticPolicy)
ALGORITHMS = (MaskablePPO,)
INFERENCE = ("forward", "_predict", "get_distribution", "extract_features", "_get_action_dist_from_latent")
SHOWS_NORMALIZATION = True
UNSAVED = on_policy.UNSAVED


def class_of_weights(names: Sequence[str], kwargs: Mapping[str, Any]) -> type[nn.Module] | None:
    """`MaskableActorCriticPolicy` for its weights; unlike PPO's class it takes no `use_sde`."""
    return MaskableActorCriticPolicy if is_feedforward(names) and "use_sde" not in kwargs else None


def make_heads(network: MaskableActorCriticPolicy, settings: Mapping[str, Any]) -> Heads:
    """The logits (off and on for each bit) and the value of the state."""
    actor, _, critic = towers(network)
    return Heads({"logit": actor, "value": critic}, masked=True)
