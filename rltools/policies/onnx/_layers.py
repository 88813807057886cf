"""ONNX operators with weights: products, convolutions, pooling, normalization and recurrent layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from rltools.policies.graphs.graph import Node
from rltools.policies.graphs.guards import check_channels, check_recurrent
from rltools.policies.onnx._elementwise import Operator

# The order of gates in ONNX, in that of torch: input, forget, cell, output; reset, update, new.
_LSTM_GATES, _GRU_GATES = (0, 2, 3, 1), (1, 0, 2)
_ACTIVATIONS = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"]}


def _gemm(node: Node, like: Tensor, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    a = a.t() if node.settings.get("transA") else a
    b = b if node.settings.get("transB") else b.t()  # as functional.linear wants it
    alpha, beta = node.settings.get("alpha", 1.0), node.settings.get("beta", 1.0)
    if alpha == 1.0 and beta == 1.0 and (c is None or c.ndim == 1):
        return functional.linear(a, b, c)
    product: Tensor = alpha * functional.linear(a, b)
    return product if c is None else product + beta * c


def _convolution(node: Node, like: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    ndim = x.ndim - 2
    stride, dilation = _windows(node, "strides", ndim), _windows(node, "dilations", ndim)
    x, padding = _padded(node, x, weight.shape[2:], stride, dilation, 0.0)
    convolve: Callable[..., Tensor] = (functional.conv1d, functional.conv2d, functional.conv3d)[ndim - 1]
    return convolve(x, weight, bias, stride, padding, dilation, node.settings.get("group", 1))


def _max_pool(node: Node, like: Tensor, x: Tensor) -> Tensor:
    kernel, ndim = node.settings["kernel_shape"], x.ndim - 2
    stride, dilation = _windows(node, "strides", ndim), _windows(node, "dilations", ndim)
    x, padding = _padded(node, x, kernel, stride, dilation, -torch.inf)
    pool: Callable[..., Tensor] = (functional.max_pool1d, functional.max_pool2d, functional.max_pool3d)[ndim - 1]
    return pool(x, kernel, stride, padding, dilation, bool(node.settings.get("ceil_mode")))


def _average_pool(node: Node, like: Tensor, x: Tensor) -> Tensor:
    kernel, ndim = node.settings["kernel_shape"], x.ndim - 2
    stride = _windows(node, "strides", ndim)
    if any(step != 1 for step in _windows(node, "dilations", ndim)):
        raise NotImplementedError("averages over dilated windows")
    x, padding = _padded(node, x, kernel, stride, [1] * ndim, None)
    pool: Callable[..., Tensor] = (functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d)[ndim - 1]
    counts_padding = bool(node.settings.get("count_include_pad"))
    return pool(x, kernel, stride, padding, bool(node.settings.get("ceil_mode")), counts_padding)


def _windows(node: Node, name: str, ndim: int) -> list[int]:
    values: list[int] = node.settings.get(name) or [1] * ndim
    return values


def _padded(
    node: Node, x: Tensor, kernel: Sequence[int], stride: list[int], dilation: list[int], fill: float | None
) -> tuple[Tensor, list[int]]:
    """An input, padded if its ends differ, and the padding that is left to torch, the same at both ends."""
    ndim, automatic = x.ndim - 2, node.settings.get("auto_pad") or "NOTSET"
    pads = node.settings.get("pads") or [0] * (2 * ndim)
    if automatic in ("SAME_UPPER", "SAME_LOWER"):
        totals = [
            max(0, (-(-size // step) - 1) * step + apart * (width - 1) + 1 - size)
            for size, width, step, apart in zip(x.shape[2:], kernel, stride, dilation, strict=True)
        ]
        fewer, more = [total // 2 for total in totals], [total - total // 2 for total in totals]
        pads = fewer + more if automatic == "SAME_UPPER" else more + fewer
    before, after = [*pads[:ndim]], [*pads[ndim:]]
    if before == after:
        return x, before
    if fill is None:
        raise NotImplementedError("averages over different padding at both ends")
    pairs = [amount for axis in reversed(range(ndim)) for amount in (before[axis], after[axis])]
    return functional.pad(x, pairs, value=fill), [0] * ndim


def _global(reduce: Callable[..., Tensor]) -> Operator:
    return lambda node, like, x: reduce(x, tuple(range(2, x.ndim)), keepdim=True)


def _batch_norm(node: Node, like: Tensor, x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, var: Tensor) -> Tensor:
    if node.settings.get("training_mode"):
        raise NotImplementedError("batch normalization in training mode; export the network in eval mode")
    check_channels(x, [scale, bias, mean, var])
    return functional.batch_norm(x, mean, var, scale, bias, eps=node.settings.get("epsilon", 1e-5))


def _layer_norm(node: Node, like: Tensor, x: Tensor, scale: Tensor, bias: Tensor | None = None) -> Tensor:
    axis = node.settings.get("axis", -1) % x.ndim
    sizes = list(x.shape[axis:])
    bias = None if bias is None else bias.expand(sizes)
    return functional.layer_norm(x, sizes, scale.expand(sizes), bias, node.settings.get("epsilon", 1e-5))


def _recurrent(node: Node, inputs: tuple[Any, ...], gates: tuple[int, ...]) -> tuple[list[Any], int]:
    """The weights of a recurrent layer in torch's order, for one direction, and its hidden size.

    Raises:
        NotImplementedError: what torch's layers do not have.
    """
    x, w, r, b, lengths = (*inputs, None, None, None)[:5]
    settings, activations = node.settings, _ACTIVATIONS[node.operator]
    size = r.shape[-1]
    directions = settings.get("direction") or "forward"
    odd = [name for name in ("clip", "input_forget", "layout") if settings.get(name)]
    if directions != "forward" or odd or (settings.get("activations") or activations) != activations:
        raise NotImplementedError(
            f"a {node.operator} with {', '.join(odd) or directions + ' ' + str(settings.get('activations'))}"
        )
    if lengths is not None and bool((lengths != x.shape[0]).any()):
        raise NotImplementedError(f"a {node.operator} with sequences of different lengths")

    def ordered(weight: Tensor) -> Tensor:
        return torch.cat([weight[gate * size : (gate + 1) * size] for gate in gates])

    bias = x.new_zeros(2 * len(gates) * size) if b is None else b[0]
    half = len(gates) * size
    return [ordered(w[0]), ordered(r[0]), ordered(bias[:half]), ordered(bias[half:])], size


def _lstm(node: Node, like: Tensor, *inputs: Any) -> tuple[Tensor, ...]:
    x, _, _, _, _, hidden, cell, peepholes = (*inputs, None, None, None, None, None)[:8]
    if peepholes is not None:
        raise NotImplementedError("an LSTM with peepholes")
    weights, size = _recurrent(node, inputs, _LSTM_GATES)
    start = [x.new_zeros(1, x.shape[1], size) if part is None else part for part in (hidden, cell)]
    check_recurrent(4, x, start, weights)
    y, h, c = torch.lstm(x, start, weights, True, 1, 0.0, False, False, False)
    return y.unsqueeze(1), h, c


def _gru(node: Node, like: Tensor, *inputs: Any) -> tuple[Tensor, ...]:
    x, _, _, _, _, hidden = (*inputs, None, None, None)[:6]
    weights, size = _recurrent(node, inputs, _GRU_GATES)
    start = x.new_zeros(1, x.shape[1], size) if hidden is None else hidden
    check_recurrent(3, x, [start], weights)
    if node.settings.get("linear_before_reset"):
        y, h = torch.gru(x, start, weights, True, 1, 0.0, False, False, False)
        return y.unsqueeze(1), h
    states = []
    h = start[0]
    for step in x:
        h = _gru_reset_before(step, h, weights)
        states.append(h)
    return torch.stack(states).unsqueeze(1), h.unsqueeze(0)


def _gru_reset_before(x: Tensor, h: Tensor, weights: list[Tensor]) -> Tensor:
    """One step of a GRU that resets the state before it is multiplied, as Keras has it; torch has only the other."""
    w, r, bias_w, bias_r = weights
    both = 2 * h.shape[-1]
    gates = functional.linear(x, w, bias_w)
    reset, update = torch.sigmoid(gates[:, :both] + functional.linear(h, r[:both], bias_r[:both])).chunk(2, 1)
    new = torch.tanh(gates[:, both:] + functional.linear(reset * h, r[both:], bias_r[both:]))
    after: Tensor = (1 - update) * new + update * h
    return after


OPERATORS: dict[str, Operator] = {
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Conv": _convolution,
    "GRU": _gru,
    "Gemm": _gemm,
    "GlobalAveragePool": _global(torch.mean),
    "GlobalMaxPool": _global(torch.amax),
    "LSTM": _lstm,
    "LayerNormalization": _layer_norm,
    "MatMul": lambda node, like, a, b: torch.matmul(a, b),
    "MaxPool": _max_pool,
}
"""By name; see `rltools.policies.onnx._elementwise`."""
