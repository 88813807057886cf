"""What one row costs on its way through a network: floating-point operations, and memory.

Estimates that run nothing and are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from torch import nn

from rltools.policies.base import Policy


class NetworkSize(NamedTuple):
    """The size of a network for one row.

    Attributes:
        operations: floating-point operations, two per weight, times the positions of a convolution.
        outputs: how many numbers all layers with weights return together.
    """

    operations: float
    outputs: int


def row_work(policy: Policy) -> float:
    """Floating-point operations for one row, from the layers' weights and the size of the image; 0 for a function.

    Example:
        >>> import rltools
        >>> from rltools.policies.network_size import row_work
        >>> row_work(rltools.load_policy("lunarlander-ppo"))
        19594.0
    """
    return _size(policy).operations


def row_bytes(policy: Policy) -> int:
    """Bytes for one row on its way through the network and back: inputs, what layers return, and gradients of both.

    What a layer with weights returns goes through an activation function, whose result is as large.

    Example:
        >>> import rltools
        >>> from rltools.policies.network_size import row_bytes
        >>> row_bytes(rltools.load_policy("lunarlander-ppo"))
        4240
    """
    return policy.dtype.itemsize * (2 * max(1, policy.features.size) + 4 * _size(policy).outputs)


def _size(policy: Policy) -> NetworkSize:
    module, inner = getattr(policy, "module", None), getattr(policy, "policy", None)
    if not isinstance(module, nn.Module):  # the observations of a window go through its policy one after another
        lags, size = getattr(policy, "lags", 1), NetworkSize(0.0, 0) if inner is None else _size(inner)
        return NetworkSize(lags * size.operations, lags * size.outputs)
    if module not in _SIZES:
        layers = list(_layers(module, _image_size(policy)))
        operations = sum(2.0 * weights * positions for weights, _, positions in layers)
        _SIZES[module] = NetworkSize(operations, sum(width * positions for _, width, positions in layers))
    return _SIZES[module]


_SIZES: WeakKeyDictionary[nn.Module, NetworkSize] = WeakKeyDictionary()


def _image_size(policy: Policy) -> tuple[int, ...]:
    """Height and width of the largest image in the observation; () if there is none."""
    sizes = [
        tuple(length for length, axis in zip(part.shape, part.dims, strict=True) if axis in ("y", "x"))
        for part in policy.features.parts
    ]
    return max((size for size in sizes if len(size) == 2), key=prod, default=())


def _layers(module: nn.Module, image: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
    """For each layer with weights: how many these are, the width of its output, and its positions in the image."""
    size = image
    for layer in module.modules():
        own = list(layer.parameters(recurse=False))
        weights, width = sum(parameter.numel() for parameter in own), max((len(p) for p in own if p.ndim), default=1)
        if hasattr(layer, "kernel_size") and hasattr(layer, "stride"):
            size = _output_size(layer, size)
            yield weights, width, prod(size)
        elif weights:
            yield weights, width, 1
            size = image if isinstance(layer, nn.Linear) else size  # a convolution after it belongs to another branch


def _output_size(layer: Any, size: tuple[int, ...]) -> tuple[int, ...]:
    """Height and width of what a convolution or pooling outputs for an image of this size."""

    def along(setting: Any, axis: int) -> int:
        return int(setting[axis] if isinstance(setting, tuple) else setting)

    if layer.padding == "same":
        return size
    padding = 0 if isinstance(layer.padding, str) else layer.padding
    stride = layer.kernel_size if layer.stride is None else layer.stride
    dilation = getattr(layer, "dilation", 1)
    lengths = [
        (length + 2 * along(padding, axis) - along(dilation, axis) * (along(layer.kernel_size, axis) - 1) - 1)
        // along(stride, axis)
        + 1
        for axis, length in enumerate(size)
    ]
    return tuple(max(1, count) for count in lengths)
