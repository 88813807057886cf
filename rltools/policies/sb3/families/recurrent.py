"""Actor-critic networks with an LSTM: RecurrentPPO.

A recurrent state is the hidden and the cell state of all layers of the actor's LSTM, followed by those of the critic's
LSTM if it has one. The library detaches the critic from a shared LSTM, so its step is written out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from sb3_contrib import RecurrentPPO
from sb3_contrib.common.recurrent.policies import (
    RecurrentActorCriticCnnPolicy,
    RecurrentActorCriticPolicy,
    RecurrentMultiInputActorCriticPolicy,
)
from torch import Tensor

from rltools.errors import ArgumentError
from rltools.policies._recurrence import lstm_step
from rltools.policies.base import RecurrentState
from rltools.policies.sb3._composition import composition_of
from rltools.policies.sb3._heads import Heads, actor_critic
from rltools.policies.vjp._chain import Chain, Child

CLASSES = (RecurrentActorCriticPolicy, RecurrentActorCriticCnnPolicy, RecurrentMultiInputActorCriticPolicy)
ALGORITHMS = (RecurrentPPO,)
INFERENCE = ("forward", "_predict", "get_distribution", "extract_features", "_get_action_dist_from_latent", "predict")
SHOWS_NORMALIZATION = True


def class_of_weights(names: Sequence[str], kwargs: Mapping[str, Any]) -> None:
    """Refuse the file of a policy alone, which does not say how large the LSTM is.

    Raises:
        LookupError: the policy is recurrent.
    """
    if any(name.startswith("lstm_") for name in names):
        raise LookupError("a recurrent policy alone, which does not say how large its LSTM is")


def make_heads(network: RecurrentActorCriticPolicy, settings: Mapping[str, Any]) -> Heads:
    """The heads of a network without an LSTM, as functions of the LSTM's output."""
    composition = composition_of(network)
    latent = Chain(Child(network, ("mlp_extractor",), "forward_actor"), composition=composition)
    critic = Child(network, ("mlp_extractor",), "forward_critic"), Child(network, ("value_net",))
    actor = Chain(latent, Child(network, ("action_net",)))
    return actor_critic(network, actor, latent, Chain(*critic, composition=composition), _recurrent_state(network))


def _recurrent_state(network: Any) -> RecurrentState:
    for lstm in (network.lstm_actor, network.lstm_critic):
        if lstm is not None and (lstm.bidirectional or lstm.proj_size):
            raise ArgumentError(f"a bidirectional LSTM, or one with a projection, is not supported: {lstm}")
    composition = composition_of(network)
    actor_features = Chain(Child(network, ("pi_features_extractor",)), composition=composition)
    critic_features = Chain(Child(network, ("vf_features_extractor",)), composition=composition)
    has_critic = network.lstm_critic is not None
    size = 2 * network.lstm_actor.num_layers * network.lstm_actor.hidden_size

    def recall(name: str, x: Any, state: Tensor) -> Tensor:
        if name != "value" or network.shared_lstm:
            return lstm_step(network.lstm_actor, actor_features(x), state[:, :size])[0]
        if has_critic:
            return lstm_step(network.lstm_critic, critic_features(x), state[:, size:])[0]
        latent: Tensor = network.critic(critic_features(x))
        return latent

    def advance(x: Any, state: Tensor) -> tuple[Tensor, Tensor]:
        features = actor_features(x)
        recalled, after = lstm_step(network.lstm_actor, features, state[:, :size])
        if has_critic:
            shared = network.pi_features_extractor is network.vf_features_extractor
            critic_state = lstm_step(network.lstm_critic, features if shared else critic_features(x), state[:, size:])[
                1
            ]
            after = torch.cat([after, critic_state], dim=1)
        return recalled, after

    return RecurrentState(2 * size if has_critic else size, recall, advance)
