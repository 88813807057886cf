"""Actor-critic networks: PPO, A2C and TRPO; discrete, multi-discrete, multi-binary and continuous actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stable_baselines3.common.policies import ActorCriticCnnPolicy, ActorCriticPolicy, MultiInputActorCriticPolicy

from rltools.policies.sb3._composition import composition_of
from rltools.policies.sb3._heads import Heads, actor_critic
from rltools.policies.torch_policy import Head
from rltools.policies.vjp._chain import Chain, Child

CLASSES = (ActorCriticPolicy, ActorCriticCnnPolicy, MultiInputActorCriticPolicy)
INFERENCE = ("forward", "_predict", "get_distribution", "extract_features", "_get_action_dist_from_latent")
SHOWS_NORMALIZATION = True


def outputs(network: ActorCriticPolicy, settings: Mapping[str, Any]) -> Heads:
    """Logits or the mean of a Gaussian, the action it becomes, and the value of the state."""
    return actor_critic(network, *towers(network))


def towers(network: Any) -> tuple[Head, Head, Head]:
    """The raw scores of the actor, what its last layer takes, and the value of the state; see `actor_critic`."""
    of_actor = Child(network, ("pi_features_extractor",)), Child(network, ("mlp_extractor",), "forward_actor")
    of_critic = Child(network, ("vf_features_extractor",)), Child(network, ("mlp_extractor",), "forward_critic")
    composition = composition_of(network)
    latent = Chain(*of_actor, composition=composition)
    critic = Chain(*of_critic, Child(network, ("value_net",)), composition=composition)
    return Chain(latent, Child(network, ("action_net",))), latent, critic
