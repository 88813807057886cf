"""Actors whose action is squashed into [-1, 1]: TD3, DDPG, SAC, TQC and CrossQ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from sb3_contrib.crossq.policies import CrossQPolicy
from sb3_contrib.tqc.policies import CnnPolicy as TQCCnnPolicy
from sb3_contrib.tqc.policies import TQCPolicy
from stable_baselines3.sac.policies import CnnPolicy as SACCnnPolicy
from stable_baselines3.sac.policies import SACPolicy
from stable_baselines3.td3.policies import CnnPolicy as TD3CnnPolicy
from stable_baselines3.td3.policies import TD3Policy
from torch import Tensor

from rltools.errors import ArgumentError
from rltools.policies.sb3._outputs import Outputs, unscale

CLASSES = (TD3Policy, TD3CnnPolicy, SACPolicy, SACCnnPolicy, TQCPolicy, TQCCnnPolicy, CrossQPolicy)
INFERENCE = ("forward", "_predict", "extract_features")
SHOWS_NORMALIZATION = False


def outputs(network: Any, settings: Mapping[str, Any]) -> Outputs:
    """The mean before it is squashed, and the action the environment receives."""
    actor, bounded = network.actor, unscale(network.action_space)
    # These two draw nothing: their mean is all there is.
    certain = isinstance(network, TD3Policy)

    def mean(x: Tensor) -> Tensor:
        features = actor.features_extractor(x)
        scores: Tensor = actor.mu[:-1](features) if certain else actor.mu(actor.latent_pi(features))
        return scores

    def choose(scores: Tensor, deterministic: bool, rngs: Sequence[np.random.Generator] | None) -> np.ndarray:
        if not deterministic and not certain:
            raise ArgumentError(
                "random actions of an actor whose deviation depends on the state are not supported; act with "
                "deterministic=True"
            )
        return bounded(torch.tanh(scores)).cpu().numpy()

    return Outputs({"mean": mean, "action": lambda x: bounded(torch.tanh(mean(x)))}, choose)
