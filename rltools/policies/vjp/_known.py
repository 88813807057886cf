"""The known layers, by the classes of their modules, and what each of these classes relies on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from rltools.policies.vjp._activations import ACTIVATIONS, ActivationLayer
from rltools.policies.vjp._convolution import convolution_layer
from rltools.policies.vjp._guards import Guard, Place, guard_of
from rltools.policies.vjp._layers import (
    FlattenLayer,
    IdentityLayer,
    Layer,
    LinearLayer,
    NormalizationLayer,
    TanhLayer,
)

MakeLayer = Callable[[Any], Layer | None]
"""Makes the layer of a module; None if the module has settings without a vjp."""

WITH_WEIGHTS = (nn.Linear, nn.Conv2d, nn.LayerNorm)
"""The classes whose modules have a weight and a bias, which may be None."""

_LAYERS: dict[type[nn.Module], tuple[MakeLayer, tuple[Place, ...]]] = {
    nn.Linear: (LinearLayer, ((nn.Linear, "__getattr__"), (functional, "linear"))),
    nn.Conv2d: (
        convolution_layer,
        ((nn.Conv2d, "__getattr__"), (nn.Conv2d, "_conv_forward"), (functional, "conv2d")),
    ),
    nn.LayerNorm: (
        NormalizationLayer,
        ((nn.LayerNorm, "__getattr__"), (functional, "layer_norm"), (torch, "layer_norm")),
    ),
    nn.Flatten: (FlattenLayer, ()),
    nn.Identity: (lambda module: IdentityLayer(), ()),
    nn.Tanh: (lambda module: TanhLayer(), ((torch, "tanh"),)),
    **{
        kind: (partial(ActivationLayer, activation=activation), activation.calls)
        for kind, activation in ACTIVATIONS.items()
    },
}
"""Makes the layer of a module, and where the functions are that its `forward` calls.

To find weights, modules call `__getattr__`, and layers do not, because they would take longer.
"""

GUARDS: dict[type[nn.Module], Guard] = {
    nn.Sequential: guard_of(nn.Sequential),
    **{kind: guard_of(kind, *calls) for kind, (_, calls) in _LAYERS.items()},
}
"""What calling a module relies on, by its class."""

LAYERS: dict[type[nn.Module], MakeLayer] = {
    kind: make
    for kind, (make, _) in _LAYERS.items()
    if GUARDS[kind].is_torchs_own and GUARDS[nn.Sequential].is_torchs_own
}
"""By the very class: a derived class may compute something else. Without those that were patched before this import."""
