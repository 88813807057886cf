"""Activation functions, which are applied to each element: one row of a table for each.

The forward pass is the function that the module's own `forward` calls, and the backward pass the one that torch's
autograd calls: outputs are the same to the last bit, and gradients as exact where the function is saturated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from rltools.policies.base import VjpFn
from rltools.policies.vjp._guards import Place

_aten = torch.ops.aten
_sigmoid_backward, _threshold_backward = _aten.sigmoid_backward.default, _aten.threshold_backward.default
_elu_backward, _leaky_relu_backward = _aten.elu_backward.default, _aten.leaky_relu_backward.default
_silu_backward, _softplus_backward = _aten.silu_backward.default, _aten.softplus_backward.default
_gelu_backward = _aten.gelu_backward.default
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


@dataclass(frozen=True)
class Activation:
    """An activation function and its derivative.

    Attributes:
        calls: where the functions are that the module's `forward` calls.
        forward: `(x, *settings) -> y`, never in place: the vjp of the layer before may need its output.
        backward: `(g, x, *settings)`, with gradients `g [..., *y's shape]`, to those of x, `[..., *x's shape]`.
        of_output: whether `backward` takes y in the place of x.
        settings: the module's attributes that the functions take, looked up at each call; None if they take none.
    """

    calls: tuple[Place, ...]
    forward: Callable[..., Tensor]
    backward: Callable[..., Tensor]
    of_output: bool = False
    settings: Callable[[Any], tuple[Any, ...]] | None = None


@dataclass(frozen=True)
class ActivationLayer:
    """A module that applies an activation function to each element."""

    module: nn.Module
    activation: Activation

    def __call__(self, x: Tensor) -> Tensor:
        """See `Layer`."""
        activation = self.activation
        if activation.settings is None:
            return activation.forward(x)
        return activation.forward(x, *activation.settings(self.module))

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn]:
        """See `Layer`."""
        activation = self.activation
        settings = () if activation.settings is None else activation.settings(self.module)
        y, backward = activation.forward(x, *settings), activation.backward
        operand = y if activation.of_output else x
        return y, lambda g: backward(g, operand, *settings)


def _gelu_vjp(g: Tensor, x: Tensor, approximate: str) -> Tensor:
    """The others broadcast x. This one may call oneDNN, which does not, so it gets a copy of x for each gradient."""
    gradients: Tensor = _gelu_backward(g, x.expand(g.shape).contiguous(), approximate=approximate)
    return gradients


ACTIVATIONS: dict[type[nn.Module], Activation] = {
    nn.Sigmoid: Activation(((torch, "sigmoid"),), torch.sigmoid, _sigmoid_backward, of_output=True),
    nn.ReLU: Activation(
        ((functional, "relu"), (torch, "relu")), torch.relu, lambda g, y: _threshold_backward(g, y, 0), of_output=True
    ),
    nn.ELU: Activation(
        ((functional, "elu"), (torch._C._nn, "elu")),
        functional.elu,
        lambda g, x, alpha: _elu_backward(g, alpha, 1, 1, False, x),
        settings=lambda module: (module.alpha,),
    ),
    nn.SELU: Activation(
        ((functional, "selu"), (torch, "selu")),
        functional.selu,
        lambda g, x: _elu_backward(g, _SELU_ALPHA, _SELU_SCALE, 1, False, x),
    ),
    nn.SiLU: Activation(((functional, "silu"), (torch._C._nn, "silu")), functional.silu, _silu_backward),
    nn.GELU: Activation(
        ((functional, "gelu"),),
        lambda x, approximate: functional.gelu(x, approximate=approximate),
        _gelu_vjp,
        settings=lambda module: (module.approximate,),
    ),
    nn.LeakyReLU: Activation(
        ((functional, "leaky_relu"), (torch._C._nn, "leaky_relu")),
        functional.leaky_relu,
        lambda g, x, negative_slope: _leaky_relu_backward(g, x, negative_slope, False),
        settings=lambda module: (module.negative_slope,),
    ),
    nn.Softplus: Activation(
        ((functional, "softplus"),),
        functional.softplus,
        _softplus_backward,
        settings=lambda module: (module.beta, module.threshold),
    ),
}
"""The known activation functions but tanh, by the class of their modules."""
