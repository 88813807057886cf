"""One step of an LSTM or a GRU, written out: cuDNN cannot differentiate either of them in eval mode."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rltools.policies.vjp._plan import is_plain

_FORWARDS = {nn.LSTM: nn.LSTM.forward, nn.GRU: nn.GRU.forward}


def lstm_step(lstm: nn.LSTM, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """`features [batch, feature]`, `state [batch, 2 * layers * hidden]` -> the last layer's output and the new state.

    Parameters are looked up at each call, because `functional_call` replaces them to compute in another dtype. A
    subclass of LSTM or a hooked one is called as it is.
    """
    hidden, cell = state.to(features).view(len(state), 2, lstm.num_layers, lstm.hidden_size).unbind(1)
    if _is_replaced(lstm):
        before = hidden.transpose(0, 1).contiguous(), cell.transpose(0, 1).contiguous()
        outputs, (hidden, cell) = lstm(features[None], before)
        return outputs[0], torch.cat([hidden.transpose(0, 1).flatten(1), cell.transpose(0, 1).flatten(1)], dim=1)
    output, hiddens, cells = features, [], []
    for layer in range(lstm.num_layers):
        output, after = torch.lstm_cell(output, (hidden[:, layer], cell[:, layer]), *_weights(lstm, layer))
        hiddens.append(output)
        cells.append(after)
    return output, torch.cat([*hiddens, *cells], dim=1)


def gru_step(gru: nn.GRU, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """`features [batch, feature]`, `state [batch, layers * hidden]` -> the last layer's output and the new state.

    See `lstm_step`.
    """
    hidden = state.to(features).view(len(state), gru.num_layers, gru.hidden_size)
    if _is_replaced(gru):
        outputs, after = gru(features[None], hidden.transpose(0, 1).contiguous())
        return outputs[0], after.transpose(0, 1).flatten(1)
    output, hiddens = features, []
    for layer in range(gru.num_layers):
        output = torch.gru_cell(output, hidden[:, layer], *_weights(gru, layer))
        hiddens.append(output)
    return output, torch.cat(hiddens, dim=1)


def _is_replaced(module: nn.RNNBase) -> bool:
    """Whether calling a module may do more than its class does."""
    kind = type(module)
    return kind not in _FORWARDS or not is_plain(module) or kind.forward is not _FORWARDS[kind]


def _weights(module: nn.RNNBase, layer: int) -> list[Tensor]:
    names = ["weight_ih", "weight_hh"] + (["bias_ih", "bias_hh"] if module.bias else [])
    return [getattr(module, f"{name}_l{layer}") for name in names]
