"""Actor-critic networks: PPO, A2C, TRPO."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Discrete
from stable_baselines3.common.policies import ActorCriticCnnPolicy, ActorCriticPolicy
from stable_baselines3.common.torch_layers import MlpExtractor
from torch import Tensor

from rltools.errors import ArgumentError
from rltools.policies._chain import chain
from rltools.policies._choosing import gaussian
from rltools.policies.sb3._outputs import Outputs, clip, layers, unscale

CLASSES = (ActorCriticPolicy, ActorCriticCnnPolicy)
INFERENCE = ("forward", "_predict", "get_distribution", "extract_features", "_get_action_dist_from_latent")
SHOWS_NORMALIZATION = True


def outputs(network: ActorCriticPolicy, settings: Mapping[str, Any]) -> Outputs:
    """Logits or the mean of a Gaussian, the action it becomes, and the value of the state."""
    towers = network.mlp_extractor
    if type(towers) is MlpExtractor:
        actor = chain(*layers(network.pi_features_extractor), towers.policy_net, network.action_net)
        critic = chain(*layers(network.vf_features_extractor), towers.value_net, network.value_net)
    else:  # somebody's own
        actor = _in_turn(network.pi_features_extractor, towers.forward_actor, network.action_net)
        critic = _in_turn(network.vf_features_extractor, towers.forward_critic, network.value_net)

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


def _in_turn(*parts: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def call(x: Tensor) -> Tensor:
        for part in parts:
            x = part(x)
        return x

    return call
