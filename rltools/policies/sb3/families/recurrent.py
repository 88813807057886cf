"""Actor-critic networks with an LSTM: RecurrentPPO.

A state is the hidden and the cell state of the actor's LSTM, all layers of each, and then those of the critic's where
it has one of its own. The step is written out because the library's critic is cut off from a shared LSTM, and because
an LSTM in eval mode cannot be differentiated on a GPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from sb3_contrib.common.recurrent.policies import (
    RecurrentActorCriticCnnPolicy,
    RecurrentActorCriticPolicy,
    RecurrentMultiInputActorCriticPolicy,
)
from torch import Tensor, nn

from rltools.errors import ArgumentError
from rltools.policies.base import RecurrentState
from rltools.policies.sb3._composition import composition_of
from rltools.policies.sb3._heads import Heads, actor_critic
from rltools.policies.vjp._chain import Chain, Child
from rltools.policies.vjp._plan import is_plain

CLASSES = (RecurrentActorCriticPolicy, RecurrentActorCriticCnnPolicy, RecurrentMultiInputActorCriticPolicy)
INFERENCE = ("forward", "_predict", "get_distribution", "extract_features", "_get_action_dist_from_latent", "predict")
SHOWS_NORMALIZATION = True


def outputs(network: RecurrentActorCriticPolicy, settings: Mapping[str, Any]) -> Heads:
    """As of a network without a memory, each a function of what its LSTM recalls."""
    composition = composition_of(network)
    latent = Chain(Child(network, ("mlp_extractor",), "forward_actor"), composition=composition)
    of_critic = Child(network, ("mlp_extractor",), "forward_critic"), Child(network, ("value_net",))
    actor = Chain(latent, Child(network, ("action_net",)))
    return actor_critic(network, actor, latent, Chain(*of_critic, composition=composition), _memory(network))


def _memory(network: Any) -> RecurrentState:
    for lstm in (network.lstm_actor, network.lstm_critic):
        if lstm is not None and (lstm.bidirectional or lstm.proj_size):
            raise ArgumentError(f"an LSTM that looks both ways, or with a projection, is not supported: {lstm}")
    composition = composition_of(network)
    seen = Chain(Child(network, ("pi_features_extractor",)), composition=composition)
    valued = Chain(Child(network, ("vf_features_extractor",)), composition=composition)
    has_critic = network.lstm_critic is not None
    size = 2 * network.lstm_actor.num_layers * network.lstm_actor.hidden_size

    def recall(name: str, x: Any, state: Tensor) -> Tensor:
        if name != "value" or network.shared_lstm:
            return step(network.lstm_actor, seen(x), state[:, :size])[0]
        if has_critic:
            return step(network.lstm_critic, valued(x), state[:, size:])[0]
        latent: Tensor = network.critic(valued(x))
        return latent

    def advance(x: Any, state: Tensor) -> tuple[Tensor, Tensor]:
        features = seen(x)
        recalled, after = step(network.lstm_actor, features, state[:, :size])
        if has_critic:
            shared = network.pi_features_extractor is network.vf_features_extractor
            of_critic = step(network.lstm_critic, features if shared else valued(x), state[:, size:])[1]
            after = torch.cat([after, of_critic], dim=1)
        return recalled, after

    return RecurrentState(2 * size if has_critic else size, recall, advance)


def step(lstm: nn.LSTM, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """`features [batch, feature]`, `state [batch, 2 * layers * hidden]` -> the last layer's output, and the state.

    Its parameters are looked up at each call: whoever computes in another dtype puts others there. One that is more
    than a plain LSTM is called.
    """
    hidden, cell = state.to(features).view(len(state), 2, lstm.num_layers, lstm.hidden_size).unbind(1)
    if type(lstm) is not nn.LSTM or not is_plain(lstm) or nn.LSTM.forward is not _FORWARD:
        before = hidden.transpose(0, 1).contiguous(), cell.transpose(0, 1).contiguous()
        outputs, (hidden, cell) = lstm(features[None], before)
        return outputs[0], torch.cat([hidden.transpose(0, 1).flatten(1), cell.transpose(0, 1).flatten(1)], dim=1)
    output, hiddens, cells = features, [], []
    for layer in range(lstm.num_layers):
        names = ["weight_ih", "weight_hh"] + (["bias_ih", "bias_hh"] if lstm.bias else [])
        weights = [getattr(lstm, f"{name}_l{layer}") for name in names]
        output, after = torch.lstm_cell(output, (hidden[:, layer], cell[:, layer]), *weights)
        hiddens.append(output)
        cells.append(after)
    return output, torch.cat([*hiddens, *cells], dim=1)


_FORWARD = nn.LSTM.forward
