"""Makes plain layers of a graph that is a chain of them, so that its gradients need no graph of autograd.

A chain is only used if it computes what the graph does, see `rltools.policies.graphs.policy`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from rltools.policies.graphs.graph import Dialect, Graph, Part
from rltools.policies.vjp._chain import Chain

MAX_LAYERS = 1000


class Layers:
    """Finds chains in a graph; layers that several of them share are the same modules.

    Args:
        graph: with the chains.
        dialect: of it.
    """

    def __init__(self, graph: Graph, dialect: Dialect) -> None:
        self._graph, self._dialect = graph, dialect
        self._parts: dict[str, Part | None] = {}

    def until(self, name: str, start: str) -> list[Any] | None:
        """The layers from the input `start` to a value; None if there is anything else between them."""
        layers: list[Any] = []
        for _ in range(MAX_LAYERS):
            if name == start:
                return layers[::-1]
            if name not in self._parts:
                self._parts[name] = self._dialect.part(self._graph, name)
            part = self._parts[name]
            if part is None:
                return None
            if part.layer is not None:
                layers.append(part.layer)
            name = part.source
        return None


def joined(layers: Sequence[Any]) -> tuple[nn.Sequential, Callable[..., Tensor]]:
    """A module of all layers that are modules, and the function that calls all layers; if possible the same."""
    modules = [layer for layer in layers if isinstance(layer, nn.Module)]
    sequential = nn.Sequential(*modules)
    if len(modules) == len(layers):
        return sequential, sequential
    first = next((index for index, layer in enumerate(layers) if isinstance(layer, nn.Module)), len(layers))
    if all(isinstance(layer, nn.Module) for layer in layers[first:]):
        return sequential, Chain(*layers[:first], sequential)
    return sequential, Chain(*layers)


def linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """A linear layer of `weight [output, input]` and `bias [output]`."""
    outputs, inputs = weight.shape
    return _filled(nn.Linear(inputs, outputs, bias=bias is not None, device="meta"), weight, bias)


def convolution(weight: Tensor, bias: Tensor | None, **settings: Any) -> nn.Conv2d:
    """A convolution of `weight [output, input / groups, y, x]` and `bias [output]`; settings as of `nn.Conv2d`."""
    outputs, inputs, *kernel = weight.shape
    inputs *= settings.get("groups", 1)
    size = (kernel[0], kernel[1])
    return _filled(nn.Conv2d(inputs, outputs, size, bias=bias is not None, device="meta", **settings), weight, bias)


def layer_norm(weight: Tensor, bias: Tensor | None, epsilon: float) -> nn.LayerNorm:
    """A layer normalization over the last axis."""
    return _filled(nn.LayerNorm(len(weight), eps=epsilon, bias=bias is not None, device="meta"), weight, bias)


Filled = TypeVar("Filled", nn.Linear, nn.Conv2d, nn.LayerNorm)


def _filled(layer: Filled, weight: Tensor, bias: Tensor | None) -> Filled:
    """A layer that was made without numbers, with these."""
    layer.weight = nn.Parameter(weight.clone(memory_format=torch.contiguous_format), requires_grad=False)
    if bias is not None:
        layer.bias = nn.Parameter(bias.clone(), requires_grad=False)
    return layer
