"""Actors whose action is squashed into [-1, 1], and their critics: TD3, DDPG, SAC, TQC and CrossQ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from sb3_contrib import TQC, CrossQ
from sb3_contrib.crossq.policies import CrossQPolicy
from sb3_contrib.tqc.policies import CnnPolicy as TQCCnnPolicy
from sb3_contrib.tqc.policies import MultiInputPolicy as TQCMultiInputPolicy
from sb3_contrib.tqc.policies import TQCPolicy
from stable_baselines3 import DDPG, SAC, TD3
from stable_baselines3.sac.policies import CnnPolicy as SACCnnPolicy
from stable_baselines3.sac.policies import MultiInputPolicy as SACMultiInputPolicy
from stable_baselines3.sac.policies import SACPolicy
from stable_baselines3.td3.policies import CnnPolicy as TD3CnnPolicy
from stable_baselines3.td3.policies import MultiInputPolicy as TD3MultiInputPolicy
from stable_baselines3.td3.policies import TD3Policy
from torch import Tensor, nn

from rltools.policies.sb3._composition import check_unhooked, composition_of
from rltools.policies.sb3._heads import (
    LOG_STD_MAX,
    LOG_STD_MIN,
    Heads,
    box_bounds,
    choose_from,
    normalize_actions,
    state_dependent_std,
    to_bounds,
)
from rltools.policies.torch_policy import Head
from rltools.policies.vjp._chain import Chain, Child
from rltools.policies.vjp._layers import RescaleLayer
from rltools.policies.vjp._plan import Composition

CLASSES = (
    *(TD3Policy, TD3CnnPolicy, TD3MultiInputPolicy),
    *(SACPolicy, SACCnnPolicy, SACMultiInputPolicy),
    *(TQCPolicy, TQCCnnPolicy, TQCMultiInputPolicy),
    CrossQPolicy,
)
ALGORITHMS = (SAC, TD3, DDPG, TQC, CrossQ)
INFERENCE = ("forward", "_predict", "extract_features")
SHOWS_NORMALIZATION = False


def class_of_weights(names: Sequence[str], kwargs: Mapping[str, Any]) -> type[nn.Module] | None:
    """The class of actors with these weights; CrossQ, TQC and SAC differ by their arguments."""
    if any(name.startswith("actor.latent_pi.") for name in names):
        return CrossQPolicy if "batch_norm" in kwargs else TQCPolicy if "n_quantiles" in kwargs else SACPolicy
    return TD3Policy if any(name.startswith("actor.mu.") for name in names) else None


def make_heads(network: Any, settings: Mapping[str, Any]) -> Heads:
    """The mean before it is squashed, the action the environment receives, and the Q-value of an action."""
    plain = composition_of(network)

    def check() -> None:
        plain.check()
        check_unhooked(network.actor, "its actor", "the mean and the action")

    composition = Composition(plain.children, plain.is_as_imported, check)
    before = Child(network, ("actor", "features_extractor"))
    if isinstance(network, TD3Policy):  # deterministic; its last layer squashes
        mean = Chain(before, Child(network, ("actor", "mu"), layers=slice(-1)), composition=composition)
        squashed = Child(network, ("actor", "mu"), layers=slice(-1, None))
        received = Chain(squashed, RescaleLayer(*box_bounds(network.action_space)), composition=composition)
        heads: dict[str, Head] = {"mean": mean, "action": Chain(mean, received), "q_value": _q_value(network)}
        return Heads(heads, lambda scores, deterministic, rngs: received(scores).cpu().numpy())
    received = to_bounds(network.action_space, squashed=True)
    latent = Chain(before, Child(network, ("actor", "latent_pi")), composition=composition)
    mean = Chain(latent, Child(network, ("actor", "mu")))
    heads = {"mean": mean, "action": Chain(mean, received), "q_value": _q_value(network)}

    def std(x: Any) -> Tensor:
        actor = network.actor
        if actor.use_sde:
            return state_dependent_std(actor, latent(x))
        return torch.clamp(actor.log_std(latent(x)), LOG_STD_MIN, LOG_STD_MAX).exp()

    return Heads(heads, choose_from(received), std)


def _q_value(network: Any) -> Head:
    """`(x, action [batch, k] as the environment received it) -> [batch, 1]`, the critics' estimate of the return.

    The lowest of several critics if the algorithm learns from the lowest (TD3, DDPG, SAC, CrossQ); for TQC, which
    averages, the mean over all critics and quantiles. A critic's `forward` is not called, because it runs a feature
    extractor that is shared with the actor without gradients.
    """
    normalize = normalize_actions(network.action_space)
    extract = Chain(Child(network, ("critic", "features_extractor")), composition=composition_of(network))

    def q_value(x: Any, action: Tensor) -> Tensor:
        critic = network.critic
        check_unhooked(critic, "its critic", "q-values")
        features = extract(x)
        joined = torch.cat([features, normalize(action.to(features))], dim=1)
        values = torch.cat([estimate(joined) for estimate in critic.q_networks], dim=1)
        return values.mean(1, keepdim=True) if isinstance(network, TQCPolicy) else values.amin(1, keepdim=True)

    return q_value
