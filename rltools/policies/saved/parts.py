"""Parts of a state dict, by what their keys begin with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from rltools.errors import ModelError, argument
from rltools.policies.saved.chains import LINEAR, LayerWeights, find_layers
from rltools.policies.saved.networks import layer_module


def under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose keys begin with `prefix` and a dot, by the rest of their keys.

    Example:
        >>> import torch
        >>> from rltools.policies.saved.parts import under
        >>> list(under({"actor.0.weight": torch.zeros(1), "critic.0.weight": torch.zeros(1)}, "actor"))
        ['0.weight']
    """
    start = f"{prefix}."
    return {key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)}


def part(tensors: Mapping[str, Tensor], *prefixes: str) -> dict[str, Tensor]:
    """The tensors whose keys begin with one of some prefixes and a dot, by their whole keys.

    Example:
        >>> import torch
        >>> from rltools.policies.saved.parts import part
        >>> list(part({"fc1.weight": torch.zeros(1), "fc_mu.weight": torch.zeros(1)}, "fc1"))
        ['fc1.weight']
    """
    return {key: value for key, value in tensors.items() if key.startswith(tuple(f"{name}." for name in prefixes))}


def tensors_of(layers: Iterable[LayerWeights]) -> dict[str, Tensor]:
    """The tensors of some layers, by their whole keys."""
    return {f"{layer.key}.{name}": value for layer in layers for name, value in layer.tensors.items()}


def linear(tensors: Mapping[str, Tensor], name: str) -> nn.Linear:
    """The linear layer of this name; if it has several beside each other, one with the outputs of all of them.

    Raises:
        ModelError: there is none.

    Example:
        >>> import torch
        >>> from rltools.policies.saved.parts import linear
        >>> linear({"mu.weight": torch.zeros(2, 8), "mu.bias": torch.zeros(2)}, "mu")
        Linear(in_features=8, out_features=2, bias=True)
    """
    layers = find_layers(part(tensors, name))[0]
    if not layers or any(layer.kind != LINEAR or layer.inputs != layers[0].inputs for layer in layers):
        raise ModelError(
            f"there is no linear layer {name}, only {', '.join(sorted(tensors))[:300]}; give another "
            f"{argument('layout')}"
        )
    joined = {f"{name}.{key}": torch.cat([layer.tensors[key] for layer in layers]) for key in layers[0].tensors}
    (layer,) = find_layers(joined)[0]
    module = layer_module(layer)
    assert isinstance(module, nn.Linear)
    return module
