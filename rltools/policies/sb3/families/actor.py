"""Actors whose action is squashed into [-1, 1], and their critics: TD3, DDPG, SAC, TQC and CrossQ."""

from __future__ import annotations

from collections.abc import Mapping
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

from rltools.policies.sb3._composition import check_unhooked, composition_of
from rltools.policies.sb3._heads import (
    LOG_STD_MAX,
    LOG_STD_MIN,
    Heads,
    bounding,
    bounds,
    choose_from,
    exploring,
    scale,
)
from rltools.policies.torch_policy import Head
from rltools.policies.vjp._chain import Chain, Child
from rltools.policies.vjp._layers import Unscaled
from rltools.policies.vjp._plan import Composition

CLASSES = (
    *(TD3Policy, TD3CnnPolicy, TD3MultiInputPolicy),
    *(SACPolicy, SACCnnPolicy, SACMultiInputPolicy),
    *(TQCPolicy, TQCCnnPolicy, TQCMultiInputPolicy),
    CrossQPolicy,
)
INFERENCE = ("forward", "_predict", "extract_features")
SHOWS_NORMALIZATION = False


def outputs(network: Any, settings: Mapping[str, Any]) -> Heads:
    """The mean before it is squashed, the action the environment receives, and the value of an action in a state."""
    plain = composition_of(network)

    def check() -> None:
        plain.check()
        check_unhooked(network.actor, "its actor", "the mean and the action")

    composition = Composition(plain.children, plain.is_as_imported, check)
    before = Child(network, ("actor", "features_extractor"))
    if isinstance(network, TD3Policy):  # its last layer squashes, and nothing is drawn: the mean is all there is
        mean = Chain(before, Child(network, ("actor", "mu"), layers=slice(-1)), composition=composition)
        squashed = Child(network, ("actor", "mu"), layers=slice(-1, None))
        received = Chain(squashed, Unscaled(*bounds(network.action_space)), composition=composition)
        heads: dict[str, Head] = {"mean": mean, "action": Chain(mean, received), "q_value": _q_value(network)}
        return Heads(heads, lambda scores, deterministic, rngs: received(scores).cpu().numpy())
    received = bounding(network.action_space, squashed=True)
    latent = Chain(before, Child(network, ("actor", "latent_pi")), composition=composition)
    mean = Chain(latent, Child(network, ("actor", "mu")))
    heads = {"mean": mean, "action": Chain(mean, received), "q_value": _q_value(network)}

    def std(x: Any) -> Tensor:
        actor = network.actor
        if actor.use_sde:
            return exploring(actor, latent(x))
        return torch.clamp(actor.log_std(latent(x)), LOG_STD_MIN, LOG_STD_MAX).exp()

    return Heads(heads, choose_from(received), std)


def _q_value(network: Any) -> Head:
    """`(x, action [batch, k] as the environment received it) -> [batch, 1]`, the critics' estimate of the return.

    There are several. The lowest counts where the algorithm learns from the lowest (TD3, DDPG, SAC, CrossQ); for TQC,
    which averages, the mean over all critics and their quantiles. Nothing here goes through a critic's `forward`, which
    runs a features extractor that is shared with the actor without a graph.
    """
    scaled = scale(network.action_space)
    see = Chain(Child(network, ("critic", "features_extractor")), composition=composition_of(network))

    def q_value(x: Any, action: Tensor) -> Tensor:
        critic = network.critic
        check_unhooked(critic, "its critic", "q-values")
        features = see(x)
        joined = torch.cat([features, scaled(action.to(features))], dim=1)
        values = torch.cat([estimate(joined) for estimate in critic.q_networks], dim=1)
        return values.mean(1, keepdim=True) if isinstance(network, TQCPolicy) else values.amin(1, keepdim=True)

    return q_value
