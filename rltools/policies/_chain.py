"""Layers one after another, without the price of calling a module for each.

A live step of a small policy is mostly the bookkeeping of module calls: 55 us for a 64-64 MLP, 26 us without them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

Layer = Callable[[nn.Module, Tensor], Tensor]
_LAYERS: dict[type[nn.Module], Layer] = {
    # Looked up at each call: whoever computes in another dtype puts other parameters there.
    nn.Linear: lambda layer, x: functional.linear(x, layer._parameters["weight"], layer._parameters["bias"]),  # type: ignore[arg-type]
    nn.Tanh: lambda layer, x: torch.tanh(x),
    nn.ReLU: lambda layer, x: torch.relu_(x) if layer.inplace else torch.relu(x),
    nn.Identity: lambda layer, x: x,
    nn.Flatten: lambda layer, x: x.flatten(layer.start_dim, layer.end_dim),  # type: ignore[arg-type]
}
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def chain(*modules: nn.Module) -> Callable[[Tensor], Tensor]:
    """A function that does what calling the modules in turn does.

    Where all of them are made of layers that are known here, and nothing is hooked to one, the layers' functions are
    called directly; otherwise the modules are.
    """
    leaves = [leaf for module in modules for leaf in _leaves(module)]
    layers = [(leaf, _LAYERS.get(type(leaf))) for leaf in leaves]
    hooked = [vars(part) for module in modules for part in module.modules()]

    def call(x: Tensor) -> Tensor:
        for module in modules:
            x = module(x)
        return x

    def call_directly(x: Tensor) -> Tensor:
        for state in hooked:
            for hooks in _HOOKS:
                if state[hooks]:
                    return call(x)
        for leaf, layer in known:
            x = layer(leaf, x)
        return x

    known = [(leaf, layer) for leaf, layer in layers if layer is not None]
    return call_directly if len(known) == len(layers) else call


def _leaves(module: nn.Module) -> Iterator[nn.Module]:
    if type(module) is nn.Sequential:
        for part in module:
            yield from _leaves(part)
    else:
        yield module
