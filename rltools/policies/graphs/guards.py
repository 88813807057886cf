"""Checks of sizes that torch's own functions leave out: with wrong ones they read beyond a tensor's memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

MAX_LAYERS = 64


def check_recurrent(
    gates: int,
    x: Tensor,
    states: Sequence[Tensor],
    weights: Sequence[Tensor],
    *,
    layers: int = 1,
    has_biases: bool = True,
    bidirectional: bool = False,
    batch_first: bool = False,
) -> None:
    """Compare the sizes of a recurrent layer's input, states and weights, in torch's order.

    Raises:
        ValueError: they do not fit each other.
    """
    directions, per_layer = 2 if bidirectional else 1, 4 if has_biases else 2
    if not 0 < layers <= MAX_LAYERS or len(weights) != layers * directions * per_layer or x.ndim != 3:
        raise ValueError(f"a recurrent layer of {layers} layers with {len(weights)} weights for {x.ndim} axes")
    size = weights[1].shape[-1] if weights[1].ndim else 0
    batch = x.shape[0 if batch_first else 1]
    expected: list[tuple[int, ...]] = []
    for layer in range(layers):
        width = x.shape[2] if layer == 0 else size * directions
        of_layer = [(gates * size, width), (gates * size, size), *[(gates * size,)] * (per_layer - 2)]
        expected += of_layer * directions
    for tensor, shape in zip(weights, expected, strict=True):
        _check(tensor, shape, "a weight")
    for state in states:
        _check(state, (layers * directions, batch, size), "a state")
    if not size or not x.shape[0] or not batch or not x.is_floating_point():
        raise ValueError(f"a recurrent layer of {size} units for {x.dtype} of shape {list(x.shape)}")


def check_channels(x: Tensor, tensors: Sequence[Any]) -> None:
    """Compare the sizes of a normalization's statistics and weights with the channels of its input.

    Raises:
        ValueError: they do not fit.
    """
    for tensor in tensors:
        if tensor is not None:
            _check(tensor, (x.shape[1] if x.ndim > 1 else -1,), "a weight of a normalization")


def _check(tensor: Tensor, shape: tuple[int, ...], title: str) -> None:
    if tuple(tensor.shape) != shape or not tensor.is_floating_point():
        raise ValueError(f"{title} has the shape {list(tensor.shape)} of {tensor.dtype}, where {list(shape)} belongs")


def check_division(a: Any, b: Any) -> None:
    """Refuse to divide the least integer by -1, which ends the process on some processors.

    Raises:
        OverflowError: a division by -1 of the least integer.
    """
    integers = [value for value in (a, b) if isinstance(value, Tensor) and not value.is_floating_point()]
    if len(integers) == 2 and bool((integers[1] == -1).any()):
        least = torch.iinfo(integers[0].dtype).min if integers[0].dtype is not torch.bool else -2
        if bool((integers[0] == least).any()):
            raise OverflowError("the least integer, divided by -1")
