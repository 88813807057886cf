"""ONNX operators that compute each element by itself, and those that join or reduce elements.

Each follows https://onnx.ai/onnx/operators, from version 7 of the operators on; constants that became inputs in a later
version are read from either place.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from rltools.policies.graphs.graph import Node
from rltools.policies.graphs.guards import check_division

Operator = Callable[..., Any]
"""From a node, the tensor that new values are to be like, and its inputs to what it makes."""


def integers(values: Tensor) -> list[int]:
    """A tensor of sizes, positions or axes as integers."""
    return [int(value) for value in values.reshape(-1).tolist()]


def _plain(function: Callable[..., Tensor]) -> Operator:
    """An operator without settings."""
    return lambda node, like, *inputs: function(*inputs)


def _divide(a: Tensor, b: Tensor) -> Tensor:
    check_division(a, b)
    # Integers are divided as in C.
    return a / b if a.is_floating_point() or b.is_floating_point() else torch.div(a, b, rounding_mode="trunc")


def _power(a: Tensor, b: Tensor) -> Tensor:
    return torch.pow(a, b.to(a) if not b.is_floating_point() and a.is_floating_point() else b)


def _remainder(node: Node, like: Tensor, a: Tensor, b: Tensor) -> Tensor:
    check_division(a, b)
    return torch.fmod(a, b) if node.settings.get("fmod") else torch.remainder(a, b)


def _dropout(node: Node, like: Tensor, x: Tensor, ratio: Tensor | None = None, training: Any = None) -> Tensor:
    if training is not None and bool(training):
        raise NotImplementedError("dropout in training mode; export the network in eval mode")
    return x


def _clip(node: Node, like: Tensor, x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    bounds = (node.settings.get("min") if low is None else low, node.settings.get("max") if high is None else high)
    low, high = (None if bound is None else torch.as_tensor(bound).to(x) for bound in bounds)
    return x if low is None and high is None else torch.clamp(x, low, high)


def _gelu(node: Node, like: Tensor, x: Tensor) -> Tensor:
    return functional.gelu(x, approximate=node.settings.get("approximate") or "none")


def _elu(node: Node, like: Tensor, x: Tensor) -> Tensor:
    return functional.elu(x, node.settings.get("alpha", 1.0))


def _celu(node: Node, like: Tensor, x: Tensor) -> Tensor:
    return functional.celu(x, node.settings.get("alpha", 1.0))


def _selu(node: Node, like: Tensor, x: Tensor) -> Tensor:
    alpha = node.settings.get("alpha", 1.6732632423543772)
    gamma = node.settings.get("gamma", 1.0507009873554805)
    scaled: Tensor = gamma * functional.elu(x, alpha)
    return scaled


def _leaky(node: Node, like: Tensor, x: Tensor) -> Tensor:
    return functional.leaky_relu(x, node.settings.get("alpha", 0.01))


def _hard_sigmoid(node: Node, like: Tensor, x: Tensor) -> Tensor:
    return torch.clamp(node.settings.get("alpha", 0.2) * x + node.settings.get("beta", 0.5), 0.0, 1.0)


def _swish(node: Node, like: Tensor, x: Tensor) -> Tensor:
    return x * torch.sigmoid(node.settings.get("alpha", 1.0) * x)


def _cast(node: Node, like: Tensor, x: Tensor) -> Tensor:
    from rltools.policies.onnx._tensors import DTYPES

    return x.to(DTYPES[node.settings["to"]])


def _where(condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return torch.where(condition.bool(), a, b)


def _softmax(function: Callable[..., Tensor]) -> Operator:
    def operator(node: Node, like: Tensor, x: Tensor) -> Tensor:
        if node.version >= 13:
            return function(x, node.settings.get("axis", -1))
        # Before, all axes from this one on were taken together.
        axis = node.settings.get("axis", 1) % x.ndim
        return function(x.flatten(axis), -1).reshape(x.shape)

    return operator


def _reduction(function: Callable[[Tensor, list[int], bool], Tensor]) -> Operator:
    def operator(node: Node, like: Tensor, x: Tensor, axes: Tensor | None = None) -> Tensor:
        chosen_axes = node.settings.get("axes") if axes is None else integers(axes)
        if not chosen_axes and node.settings.get("noop_with_empty_axes"):
            return x
        return function(x, chosen_axes or [*range(x.ndim)], bool(node.settings.get("keepdims", 1)))

    return operator


def _product(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    for axis in sorted((axis % x.ndim for axis in axes), reverse=True):
        x = torch.prod(x, axis, keepdim=keep)
    return x


def _many(function: Callable[[Tensor, Tensor], Tensor]) -> Operator:
    return lambda node, like, *inputs: reduce(function, inputs)


def _mean(node: Node, like: Tensor, *inputs: Tensor) -> Tensor:
    return reduce(torch.add, inputs) / len(inputs)


OPERATORS: dict[str, Operator] = {
    "Abs": _plain(torch.abs),
    "Add": _plain(torch.add),
    "And": _plain(torch.logical_and),
    "Cast": _cast,
    "CastLike": lambda node, like, x, other: x.to(other.dtype),
    "Ceil": _plain(torch.ceil),
    "Celu": _celu,
    "Clip": _clip,
    "Cos": _plain(torch.cos),
    "Div": _plain(_divide),
    "Dropout": _dropout,
    "Elu": _elu,
    "Equal": _plain(torch.eq),
    "Erf": _plain(torch.erf),
    "Exp": _plain(torch.exp),
    "Floor": _plain(torch.floor),
    "Gelu": _gelu,
    "Greater": _plain(torch.gt),
    "GreaterOrEqual": _plain(torch.ge),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _plain(functional.hardswish),
    "Identity": lambda node, like, x: x,
    "IsNaN": _plain(torch.isnan),
    "LeakyRelu": _leaky,
    "Less": _plain(torch.lt),
    "LessOrEqual": _plain(torch.le),
    "Log": _plain(torch.log),
    "LogSoftmax": _softmax(torch.log_softmax),
    "Max": _many(torch.maximum),
    "Mean": _mean,
    "Min": _many(torch.minimum),
    "Mish": _plain(functional.mish),
    "Mod": _remainder,
    "Mul": _plain(torch.mul),
    "Neg": _plain(torch.neg),
    "Not": _plain(torch.logical_not),
    "Or": _plain(torch.logical_or),
    "PRelu": _plain(lambda x, slope: torch.where(x < 0, slope * x, x)),
    "Pow": _plain(_power),
    "Reciprocal": _plain(torch.reciprocal),
    "ReduceL2": _reduction(lambda x, axes, keep: torch.linalg.vector_norm(x, 2, axes, keep)),
    "ReduceMax": _reduction(torch.amax),
    "ReduceMean": _reduction(torch.mean),
    "ReduceMin": _reduction(torch.amin),
    "ReduceProd": _reduction(_product),
    "ReduceSum": _reduction(torch.sum),
    "ReduceSumSquare": _reduction(lambda x, axes, keep: torch.sum(x * x, axes, keep)),
    "Relu": _plain(torch.relu),
    "Round": _plain(torch.round),
    "Selu": _selu,
    "Sigmoid": _plain(torch.sigmoid),
    "Sign": _plain(torch.sign),
    "Sin": _plain(torch.sin),
    "Softmax": _softmax(torch.softmax),
    "Softplus": _plain(lambda x: torch.logaddexp(x, torch.zeros_like(x))),
    "Softsign": _plain(functional.softsign),
    "Sqrt": _plain(torch.sqrt),
    "Sub": _plain(torch.sub),
    "Sum": _many(torch.add),
    "Swish": _swish,
    "Tanh": _plain(torch.tanh),
    "ThresholdedRelu": lambda node, like, x: torch.where(x > node.settings.get("alpha", 1.0), x, torch.zeros_like(x)),
    "Where": _plain(_where),
    "Xor": _plain(torch.logical_xor),
}
"""By name; each is a function of a node, the tensor that new values are to be like, and its inputs."""
