"""The recurrent state of an LSTM or a GRU that was rebuilt from a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from rltools.policies._recurrence import gru_step, lstm_step
from rltools.policies.base import RecurrentState

Recurrent = nn.LSTM | nn.GRU


def state_size(layer: Recurrent) -> int:
    """How many numbers the state of a layer has: hidden states, and cell states of an LSTM."""
    return layer.num_layers * layer.hidden_size * (2 if isinstance(layer, nn.LSTM) else 1)


def recurrent_state(
    actor: Recurrent,
    critic: Recurrent | None = None,
    *,
    encode: Callable[[Any], Tensor] | None = None,
    encode_critic: Callable[[Any], Tensor] | None = None,
) -> RecurrentState:
    """The state of the actor's layer, followed by that of the critic's if it has one of its own.

    Heads then take the output of the layer, `[batch, hidden]`: "value" that of the critic's, others the actor's.

    Args:
        actor: of the deciding head.
        critic: of the head "value"; None if both share one.
        encode: from normalized observations to what the actor's layer takes; None for the observations themselves.
        encode_critic: the same for the critic's layer; None is `encode`.

    Example:
        >>> import torch
        >>> from rltools.policies.saved.memory import recurrent_state
        >>> memory = recurrent_state(torch.nn.GRU(4, 8))
        >>> output, state = memory.advance(torch.zeros(2, 4), torch.zeros(2, memory.size))
        >>> output.shape, state.shape
        (torch.Size([2, 8]), torch.Size([2, 8]))
    """
    size = state_size(actor)
    before: Callable[[Any], Tensor] = encode or (lambda x: x)
    before_critic = encode_critic or before

    def recall(name: str, x: Any, state: Tensor) -> Tensor:
        if name == "value" and critic is not None:
            return _step(critic, before_critic(x), state[:, size:])[0]
        return _step(actor, before(x), state[:, :size])[0]

    def advance(x: Any, state: Tensor) -> tuple[Tensor, Tensor]:
        output, after = _step(actor, before(x), state[:, :size])
        if critic is not None:
            after = torch.cat([after, _step(critic, before_critic(x), state[:, size:])[1]], dim=1)
        return output, after

    return RecurrentState(size + (0 if critic is None else state_size(critic)), recall, advance)


def _step(layer: Recurrent, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    return lstm_step(layer, x, state) if isinstance(layer, nn.LSTM) else gru_step(layer, x, state)
