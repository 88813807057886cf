"""Builds torch's own modules from the weights of a file: a Sequential of a chain's layers, an LSTM or a GRU.

The modules are plain, so that gradients take the fast path, and hold copies of the weights. Each error names keys and
shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from rltools._util.discovery import unknown_name
from rltools.errors import ArgumentError, ModelError, argument
from rltools.policies.saved.chains import (
    BATCH_NORM,
    CONVOLUTION,
    GRU,
    LAYER_NORM,
    LINEAR,
    NORMS,
    RECURRENT,
    Chain,
    LayerWeights,
    find_layers,
    is_chain,
    numbered,
)

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "celu": nn.CELU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "gelu_tanh": lambda: nn.GELU("tanh"),
    "hardswish": nn.Hardswish,
    "hardtanh": nn.Hardtanh,
    "identity": nn.Identity,
    "leaky_relu": nn.LeakyReLU,
    "mish": nn.Mish,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "selu": nn.SELU,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    "swish": nn.SiLU,
    "tanh": nn.Tanh,
}
"""Functions that may stand between two layers, by the names that are used for them, with torch's own settings."""
_MOST_LISTED = 8


def activation_module(name: str) -> nn.Module:
    """The module of a function between layers, by its name in any case: `tanh`, `ELU`, `LeakyReLU`.

    Raises:
        UnknownNameError: no such function; the message lists those that there are.

    Example:
        >>> from rltools.policies.saved.networks import activation_module
        >>> activation_module("tanh"), activation_module("LeakyReLU")
        (Tanh(), LeakyReLU(negative_slope=0.01))
    """
    plain = {key.replace("_", ""): make for key, make in ACTIVATIONS.items()}
    make = plain.get(str(name).lower().replace("_", "").removeprefix("nn."))
    if make is None:
        raise unknown_name("activation", str(name), ACTIVATIONS)
    return make()


def sequential(
    tensors: Mapping[str, Tensor],
    activation: str,
    *,
    last: str | None = None,
    strides: Sequence[int] | None = None,
    input_shape: Sequence[int] | None = None,
    eps: float = 1e-5,
) -> nn.Sequential:
    """The layers in some tensors as a Sequential, with the activation between them and their weights loaded.

    The activation follows every linear layer and convolution but the last, after the normalization that stands behind
    it. Where the layers are numbered as in a Sequential, their numbers say more: `0, 1, 3` has nothing between 0 and 1,
    and `0, 2, 3` has the activation before a normalization numbered 2.

    Args:
        tensors: all of the tensors are used: those of linear layers, convolutions, layer and batch normalizations.
        activation: see `activation_module`.
        last: the function after the last layer; None for none.
        strides: one for each convolution.
        input_shape: `[channel, y, x]` of an image that goes in, by which strides are checked.
        eps: of normalizations.

    Raises:
        ModelError: tensors that are no such layers, layers that do not fit together, numbers that are not finite, or
            convolutions that do not fit the image.
        ArgumentError: an unknown activation, or not as many strides as convolutions.

    Example:
        >>> from torch import nn
        >>> from rltools.policies.saved.networks import sequential
        >>> weights = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)).state_dict()
        >>> sequential(weights, "tanh")
        Sequential(
          (0): Linear(in_features=4, out_features=8, bias=True)
          (1): Tanh()
          (2): Linear(in_features=8, out_features=2, bias=True)
        )
    """
    layers, others = find_layers(tensors)
    kinds = {layer.key: layer.kind for layer in layers if layer.kind in RECURRENT}
    if others or kinds or not layers:
        wrong = others or list(kinds)
        raise ModelError(
            f"{_listed(wrong)} {'is' if len(wrong) == 1 else 'are'} no linear layer, convolution or normalization"
            if wrong
            else f"there are no layers among {_listed(list(tensors))}; give another layout or file"
        )
    if not is_chain(layers):
        raise ModelError(f"these layers do not fit together: {'; '.join(map(_described, layers))}; give another layout")
    steps = _strides([layer for layer in layers if layer.kind == CONVOLUTION], strides)
    modules: list[nn.Module] = []
    for index, layer in enumerate(layers):
        following = layers[index + 1] if index + 1 < len(layers) else None
        if layer.kind == LINEAR and any(isinstance(module, nn.Conv2d | nn.Conv1d) for module in modules[-2:]):
            modules.append(nn.Flatten())
        modules.append(layer_module(layer, stride=steps.get(layer.key, 1), eps=eps))
        if following is not None and _has_activation(layers, index, following):
            modules.append(activation_module(activation))
    if last is not None:
        modules.append(activation_module(last))
    network = nn.Sequential(*modules).eval()
    if input_shape is not None:
        _check_shapes(network, input_shape, layers)
    return network


def layer_module(layer: LayerWeights, *, stride: int = 1, eps: float = 1e-5) -> nn.Module:
    """The module of one layer, with a copy of its weights.

    Raises:
        ModelError: weights that are not finite.
    """
    has_bias = "bias" in layer.tensors
    dtype = torch.float64 if any(tensor.dtype is torch.float64 for tensor in layer.tensors.values()) else torch.float32
    settings: dict[str, Any] = {"dtype": dtype}
    module: nn.Module
    if layer.kind == LINEAR:
        module = nn.Linear(layer.inputs, layer.outputs, bias=has_bias, **settings)
    elif layer.kind == CONVOLUTION:
        kind: Any = nn.Conv2d if len(layer.kernel) == 2 else nn.Conv1d
        module = kind(layer.inputs, layer.outputs, layer.kernel, stride, bias=has_bias, **settings)
    elif layer.kind == LAYER_NORM:
        module = nn.LayerNorm(layer.outputs, eps, bias=has_bias, **settings)
    elif layer.kind == BATCH_NORM:
        module = nn.BatchNorm1d(layer.outputs, eps, affine="weight" in layer.tensors, **settings)
    else:
        module = recurrent_module(layer)
    _load(module, layer)
    return module


def recurrent_module(layer: LayerWeights) -> nn.LSTM | nn.GRU:
    """An LSTM or a GRU of as many layers as there are weights for, with a copy of them.

    Raises:
        ModelError: it is bidirectional, has a projection, or its layers do not fit together.
    """
    count = sum(name.startswith("weight_ih_l") for name in layer.tensors)
    kind = nn.GRU if layer.kind == GRU else nn.LSTM
    has_bias = any(name.startswith("bias_") for name in layer.tensors)
    module = kind(layer.inputs, layer.outputs, count, bias=has_bias)
    _load(module, layer)
    return module


def _load(module: nn.Module, layer: LayerWeights) -> None:
    for name, tensor in layer.tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ModelError(
                f"{layer.key}.{name} holds NaN or infinity: its training diverged, or the file is damaged; give an "
                f"earlier checkpoint"
            )
    try:
        module.load_state_dict(dict(layer.tensors), strict=True)
    except RuntimeError as error:
        raise ModelError(
            f"{_described(layer)} does not have the weights of one: {' '.join(str(error).split())[:300]}; give another "
            f"layout"
        ) from error
    module.eval().requires_grad_(False)


def _has_activation(layers: Sequence[LayerWeights], index: int, following: LayerWeights) -> bool:
    """Whether the activation stands between a layer and the one that follows it."""
    layer, parent = layers[index], _parent(layers[index])
    siblings = [sibling for sibling in layers if _parent(sibling) == parent]
    numbers = [number for sibling in siblings if (number := numbered(sibling.key)) is not None]
    has_gaps = len(numbers) == len(siblings) and any(after - before > 1 for before, after in pairwise(numbers))
    if has_gaps and _parent(following) == parent:
        position = siblings.index(layer)
        return numbers[position + 1] - numbers[position] > 1
    if following.kind in NORMS:
        return False
    return layer.kind not in NORMS or index > 0  # a normalization of the input has none


def _parent(layer: LayerWeights) -> str:
    return layer.key.rpartition(".")[0]


def _strides(convolutions: Sequence[LayerWeights], strides: Sequence[int] | None) -> dict[str, int]:
    if not convolutions:
        return {}
    if strides is None or len(strides) != len(convolutions):
        raise ArgumentError(
            f"there are {len(convolutions)} convolutions, {'; '.join(map(_described, convolutions))}, and no file says "
            f"how far their kernels move; give a stride for each, for instance "
            f"{argument('strides', (4, 2, 1)[: len(convolutions)])}"
            + (f", not {tuple(strides)}" if strides is not None else "")
        )
    return {layer.key: int(stride) for layer, stride in zip(convolutions, strides, strict=True)}


def _check_shapes(network: nn.Sequential, input_shape: Sequence[int], layers: Sequence[LayerWeights]) -> None:
    try:
        with torch.no_grad():
            network(torch.zeros(1, *input_shape, dtype=next(network.parameters()).dtype))
    except (RuntimeError, ValueError) as error:
        raise ModelError(
            f"{'; '.join(map(_described, layers))} cannot take an image of shape {list(input_shape)}: "
            f"{str(error).splitlines()[0][:200]}; give other {argument('strides')}, or the environment of its training"
        ) from error


def _described(layer: LayerWeights) -> str:
    return str(Chain(layer.key, (layer,)))


def _listed(keys: Sequence[str]) -> str:
    listed = ", ".join(ascii(key[:80])[1:-1] for key in keys[:_MOST_LISTED])
    return listed + (f" and {len(keys) - _MOST_LISTED} more" if len(keys) > _MOST_LISTED else "")
