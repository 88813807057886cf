"""Actor-critic networks with an LSTM: RecurrentPPO.

A state is the hidden and the cell state of the actor's LSTM, all layers of each, and then those of the critic's where
it has one of its own. The step is written out because the library's critic is cut off from a shared LSTM, and because
an LSTM in eval mode cannot be differentiated on a GPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from sb3_contrib.common.recurrent.policies import (
    RecurrentActorCriticCnnPolicy,
    RecurrentActorCriticPolicy,
    RecurrentMultiInputActorCriticPolicy,
)
from torch import Tensor, nn

from rltools.errors import ArgumentError
from rltools.policies._chain import Chain
from rltools.policies._memory import Memory
from rltools.policies.sb3._deciding import actor_critic
from rltools.policies.sb3._outputs import Outputs, layers

CLASSES = (RecurrentActorCriticPolicy, RecurrentActorCriticCnnPolicy, RecurrentMultiInputActorCriticPolicy)
INFERENCE = ("forward", "_predict", "get_distribution", "extract_features", "_get_action_dist_from_latent", "predict")
SHOWS_NORMALIZATION = True


def outputs(network: RecurrentActorCriticPolicy, settings: Mapping[str, Any]) -> Outputs:
    """As of a network without a memory, each a function of what its LSTM recalls."""
    both = network.mlp_extractor
    actor = Chain(both.forward_actor, network.action_net)
    critic = Chain(both.forward_critic, network.value_net)
    return actor_critic(network, actor, both.forward_actor, critic, _memory(network))


def _memory(network: Any) -> Memory:
    actor, own = network.lstm_actor, network.lstm_critic
    for lstm in (actor, own):
        if lstm is not None and (lstm.bidirectional or lstm.proj_size):
            raise ArgumentError(f"an LSTM that looks both ways, or with a projection, is not supported: {lstm}")
    seen = Chain(*layers(network.pi_features_extractor))
    valued = Chain(*layers(network.vf_features_extractor))
    size = 2 * actor.num_layers * actor.hidden_size
    remembering = _Remembering(network, seen, valued, size)
    return Memory(size if own is None else 2 * size, remembering.recall, remembering.advance)


@dataclass(frozen=True)
class _Remembering:
    """What such a network does with a state.

    Attributes:
        network: the policy.
        seen: the features of an input that the actor goes by.
        valued: those that the critic goes by.
        size: how many numbers of a state are the actor's.
    """

    network: Any
    seen: Chain
    valued: Chain
    size: int

    def recall(self, name: str, x: Any, state: Tensor) -> Tensor:
        """See `Memory`."""
        network = self.network
        if name != "value" or network.shared_lstm:
            return step(network.lstm_actor, self.seen(x), state[:, : self.size])[0]
        if network.lstm_critic is not None:
            return step(network.lstm_critic, self.valued(x), state[:, self.size :])[0]
        latent: Tensor = network.critic(self.valued(x))
        return latent

    def advance(self, x: Any, state: Tensor) -> tuple[Tensor, Tensor]:
        """See `Memory`."""
        network, features = self.network, self.seen(x)
        recalled, after = step(network.lstm_actor, features, state[:, : self.size])
        if network.lstm_critic is not None:
            shared = network.pi_features_extractor is network.vf_features_extractor
            of_critic = step(network.lstm_critic, features if shared else self.valued(x), state[:, self.size :])[1]
            after = torch.cat([after, of_critic], dim=1)
        return recalled, after


def step(lstm: nn.LSTM, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """`features [batch, feature]`, `state [batch, 2 * layers * hidden]` -> the last layer's output, and the state.

    Its parameters are looked up at each call: whoever computes in another dtype puts others there.
    """
    hidden, cell = state.to(features).view(len(state), 2, lstm.num_layers, lstm.hidden_size).unbind(1)
    output, hiddens, cells = features, [], []
    for layer in range(lstm.num_layers):
        names = ["weight_ih", "weight_hh"] + (["bias_ih", "bias_hh"] if lstm.bias else [])
        weights = [getattr(lstm, f"{name}_l{layer}") for name in names]
        output, after = torch.lstm_cell(output, (hidden[:, layer], cell[:, layer]), *weights)
        hiddens.append(output)
        cells.append(after)
    return output, torch.cat([*hiddens, *cells], dim=1)
