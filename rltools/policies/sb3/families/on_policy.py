"""Actor-critic networks: PPO, A2C, TRPO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Discrete
from stable_baselines3.common.policies import ActorCriticCnnPolicy, ActorCriticPolicy
from torch import Tensor

from rltools.errors import ArgumentError
from rltools.policies._choosing import gaussian
from rltools.policies.sb3._outputs import Outputs, clip, unscale

CLASSES = (ActorCriticPolicy, ActorCriticCnnPolicy)
INFERENCE = ("forward", "_predict", "get_distribution", "extract_features", "_get_action_dist_from_latent")
SHOWS_NORMALIZATION = True


def outputs(network: ActorCriticPolicy, settings: Mapping[str, Any]) -> Outputs:
    """Logits or the mean of a Gaussian, the action it becomes, and the value of the state."""

    def actor(x: Tensor) -> Tensor:
        latent = network.mlp_extractor.forward_actor(network.pi_features_extractor(x))
        scores: Tensor = network.action_net(latent)
        return scores

    def critic(x: Tensor) -> Tensor:
        value: Tensor = network.value_net(network.mlp_extractor.forward_critic(network.vf_features_extractor(x)))
        return value

    space = network.action_space
    if isinstance(space, Discrete):
        return Outputs({"logit": actor, "value": critic})
    bounded = unscale(space) if network.squash_output else clip(space)

    def received(mean: Tensor) -> Tensor:
        action: Tensor = bounded(torch.tanh(mean) if network.squash_output else mean)
        return action

    def choose(scores: Tensor, deterministic: bool, rngs: Sequence[np.random.Generator] | None) -> np.ndarray:
        if not deterministic:
            if network.use_sde:
                raise ArgumentError(
                    "random actions of a network with state-dependent exploration (use_sde) are not supported; "
                    "act with deterministic=True"
                )
            scores = gaussian(scores, network.log_std.detach().exp().to(scores), rngs)
        return received(scores).cpu().numpy()

    return Outputs({"mean": actor, "action": lambda x: received(actor(x)), "value": critic}, choose)
