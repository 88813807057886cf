"""Actor-critic networks that are told which actions are allowed: MaskablePPO.

The logits are those before any mask: a mask makes -1e8 of an action that is not allowed, where nothing can be learned of
the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sb3_contrib.common.maskable.policies import (
    MaskableActorCriticCnnPolicy,
    MaskableActorCriticPolicy,
    MaskableMultiInputActorCriticPolicy,
)

from rltools.policies.sb3._heads import Heads
from rltools.policies.sb3.families.on_policy import towers

CLASSES = (MaskableActorCriticPolicy, MaskableActorCriticCnnPolicy, MaskableMultiInputActorCriticPolicy)
INFERENCE = ("forward", "_predict", "get_distribution", "extract_features", "_get_action_dist_from_latent")
SHOWS_NORMALIZATION = True


def outputs(network: MaskableActorCriticPolicy, settings: Mapping[str, Any]) -> Heads:
    """Logits, of a bit those for off and for on, and the value of the state."""
    actor, _, critic = towers(network)
    return Heads({"logit": actor, "value": critic}, masked=True)
