"""Actors whose action is squashed into [-1, 1], and their critics: TD3, DDPG, SAC, TQC and CrossQ."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from sb3_contrib.crossq.policies import CrossQPolicy
from sb3_contrib.tqc.policies import CnnPolicy as TQCCnnPolicy
from sb3_contrib.tqc.policies import MultiInputPolicy as TQCMultiInputPolicy
from sb3_contrib.tqc.policies import TQCPolicy
from stable_baselines3.sac.policies import CnnPolicy as SACCnnPolicy
from stable_baselines3.sac.policies import MultiInputPolicy as SACMultiInputPolicy
from stable_baselines3.sac.policies import SACPolicy
from stable_baselines3.td3.policies import CnnPolicy as TD3CnnPolicy
from stable_baselines3.td3.policies import MultiInputPolicy as TD3MultiInputPolicy
from stable_baselines3.td3.policies import TD3Policy
from torch import Tensor

from rltools.policies._chain import Chain
from rltools.policies.sb3._deciding import LOG_STD_MAX, LOG_STD_MIN, as_array, choose_from, explored
from rltools.policies.sb3._outputs import Outputs, bounding, layers, scale
from rltools.policies.torch_policy import Head

CLASSES = (
    *(TD3Policy, TD3CnnPolicy, TD3MultiInputPolicy),
    *(SACPolicy, SACCnnPolicy, SACMultiInputPolicy),
    *(TQCPolicy, TQCCnnPolicy, TQCMultiInputPolicy),
    CrossQPolicy,
)
INFERENCE = ("forward", "_predict", "extract_features")
SHOWS_NORMALIZATION = False


def outputs(network: Any, settings: Mapping[str, Any]) -> Outputs:
    """The mean before it is squashed, the action the environment receives, and the value of an action in a state."""
    actor, received = network.actor, bounding(network.action_space, squashed=True)
    # These draw nothing: their mean is all there is.
    certain = isinstance(network, TD3Policy)
    before = layers(actor.features_extractor)
    mean = Chain(*before, *actor.mu[:-1]) if certain else Chain(*before, actor.latent_pi, actor.mu)

    heads: dict[str, Head] = {"mean": mean, "action": Chain(mean, received), "q_value": _q_value(network)}
    if certain:
        return Outputs(heads, partial(as_array, received))
    latent = Chain(*before, actor.latent_pi)
    deviation = partial(explored, actor, latent) if actor.use_sde else partial(_deviation, actor, latent)
    return Outputs(heads, choose_from(received), deviation)


def _deviation(actor: Any, latent: Head, x: Any) -> Tensor:
    return torch.clamp(actor.log_std(latent(x)), LOG_STD_MIN, LOG_STD_MAX).exp()


def _q_value(network: Any) -> Head:
    """`(x, action [batch, k] as the environment received it) -> [batch, 1]`, the critics' estimate of the return.

    There are several. The lowest counts where the algorithm learns from the lowest (TD3, DDPG, SAC, CrossQ); for TQC,
    which averages, the mean over all critics and their quantiles. Nothing here goes through a critic's `forward`, which
    runs a features extractor that is shared with the actor without a graph.
    """
    see = Chain(*layers(network.critic.features_extractor))
    return partial(_estimate, network, see, scale(network.action_space))


def _estimate(network: Any, see: Head, scaled: Head, x: Any, action: Tensor) -> Tensor:
    features = see(x)
    joined = torch.cat([features, scaled(action.to(features))], dim=1)
    values = torch.cat([estimate(joined) for estimate in network.critic.q_networks], dim=1)
    return values.mean(1, keepdim=True) if isinstance(network, TQCPolicy) else values.amin(1, keepdim=True)
