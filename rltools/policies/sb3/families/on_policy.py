"""Actor-critic networks: PPO, A2C and TRPO; discrete, multi-discrete, multi-binary and continuous actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stable_baselines3.common.policies import ActorCriticCnnPolicy, ActorCriticPolicy, MultiInputActorCriticPolicy
from stable_baselines3.common.torch_layers import MlpExtractor

from rltools.policies._chain import Chain
from rltools.policies.sb3._deciding import actor_critic
from rltools.policies.sb3._outputs import Outputs, layers
from rltools.policies.torch_policy import Head

CLASSES = (ActorCriticPolicy, ActorCriticCnnPolicy, MultiInputActorCriticPolicy)
INFERENCE = ("forward", "_predict", "get_distribution", "extract_features", "_get_action_dist_from_latent")
SHOWS_NORMALIZATION = True


def outputs(network: ActorCriticPolicy, settings: Mapping[str, Any]) -> Outputs:
    """Logits or the mean of a Gaussian, the action it becomes, and the value of the state."""
    return actor_critic(network, *towers(network))


def towers(network: Any) -> tuple[Head, Head, Head]:
    """The raw scores of the actor, what its last layer takes, and the value of the state; see `actor_critic`."""
    both = network.mlp_extractor
    known = type(both) is MlpExtractor  # somebody's own has methods, and no layers to be known
    to_actor, to_critic = (both.policy_net, both.value_net) if known else (both.forward_actor, both.forward_critic)
    latent = Chain(*layers(network.pi_features_extractor), to_actor)
    critic = Chain(*layers(network.vf_features_extractor), to_critic, network.value_net)
    return Chain(latent, network.action_net), latent, critic
