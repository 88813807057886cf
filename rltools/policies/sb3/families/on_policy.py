"""Actor-critic networks: PPO, A2C and TRPO; discrete, multi-discrete, multi-binary and continuous actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sb3_contrib import TRPO
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.policies import ActorCriticCnnPolicy, ActorCriticPolicy, MultiInputActorCriticPolicy
from torch import nn

from rltools.policies.sb3._composition import composition_of
from rltools.policies.sb3._heads import Heads, actor_critic
from rltools.policies.torch_policy import Head
from rltools.policies.vjp._chain import Chain, Child

CLASSES = (ActorCriticPolicy, ActorCriticCnnPolicy, MultiInputActorCriticPolicy)
ALGORITHMS = (PPO, A2C, TRPO)
INFERENCE = ("forward", "_predict", "get_distribution", "extract_features", "_get_action_dist_from_latent")
SHOWS_NORMALIZATION = True
# Two extractors instead of a shared one have equal weights and the same output.
UNSAVED = {"share_features_extractor": False}


def class_of_weights(names: Sequence[str], kwargs: Mapping[str, Any]) -> type[nn.Module] | None:
    """`ActorCriticPolicy` for its weights; unlike MaskablePPO's class it takes `use_sde`."""
    return ActorCriticPolicy if is_feedforward(names) and "use_sde" in kwargs else None


def is_feedforward(names: Sequence[str]) -> bool:
    """Whether these are weights of an actor-critic network without an LSTM."""
    critic = any(name.startswith("value_net.") for name in names)
    return critic and not any(name.startswith("lstm_") for name in names)


def make_heads(network: ActorCriticPolicy, settings: Mapping[str, Any]) -> Heads:
    """The logits or the mean of a Gaussian, the action, and the value of the state."""
    return actor_critic(network, *towers(network))


def towers(network: Any) -> tuple[Head, Head, Head]:
    """The output of the actor, the input of its last layer, and the value of the state; see `actor_critic`."""
    composition = composition_of(network)
    actor_layers = Child(network, ("pi_features_extractor",)), Child(network, ("mlp_extractor",), "forward_actor")
    critic_layers = Child(network, ("vf_features_extractor",)), Child(network, ("mlp_extractor",), "forward_critic")
    latent = Chain(*actor_layers, composition=composition)
    critic = Chain(*critic_layers, Child(network, ("value_net",)), composition=composition)
    return Chain(latent, Child(network, ("action_net",))), latent, critic
