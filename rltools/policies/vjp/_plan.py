"""Finds the layers that calling some modules amounts to, and checks whether that is still so.

An explanation must follow what calling the modules computes: hooks, an own `forward`, replaced layers and patched
classes change that, before and after the modules became a policy. So a plan is checked at every call, and the check
must not take longer than a twentieth of a small network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_modules
from torch.nn.parameter import Parameter

from rltools.policies.base import VjpFn
from rltools.policies.vjp._layers import LAYERS, Layer, classes_are_as_imported

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_HOOKS_OF_ALL = tuple(getattr(torch_modules, f"_global{name}") for name in HOOKS)
_OF_CONVOLUTIONS = ("padding", "padding_mode")
_WEIGHTS = (Parameter, Tensor, type(None))


def _always() -> bool:
    return True


@dataclass(frozen=True)
class Composition:
    """The children that the modules of a library's classes call in turn.

    Attributes:
        children: names, by class and method.
        is_as_imported: whether these methods are still the library's own.
        check: raises if something replaced what the library does with its network.
    """

    children: Mapping[tuple[type, str], tuple[str, ...]] = field(default_factory=dict)
    is_as_imported: Callable[[], bool] = _always
    check: Callable[[], object] = _always

    def is_unknown(self, kind: type[nn.Module]) -> bool:
        """Whether modules of a class have no vjp, whatever state they are in."""
        return kind not in LAYERS and kind is not nn.Sequential and (kind, "forward") not in self.children


PLAIN = Composition()


def is_plain(module: nn.Module) -> bool:
    """Whether calling a module runs the `forward` of its class and nothing else: no hooks, no overriding attributes."""
    if isinstance(module, torch.jit.ScriptModule):
        return False
    state, kind = vars(module), type(module)
    own = [
        name
        for name, value in state.items()
        if (value is not None and hasattr(kind, name)) or name in state["_parameters"] or name in state["_modules"]
    ]
    return not own and not any(state[hooks] for hooks in HOOKS) and not any(_HOOKS_OF_ALL)


class Plan:
    """The layers that calling some modules amounts to, as long as `holds` is true."""

    def __init__(self, composition: Composition) -> None:
        self.layers: list[Layer] = []
        self.blocker: nn.Module | None = None
        self._composition = composition
        self._modules: list[nn.Module] = []
        self._classes: list[type] = []
        self._called: list[tuple[dict[str, Any], int]] = []
        self._holders: list[tuple[dict[str, Any], int, list[nn.Module | None]]] = []
        self._convolutions: list[tuple[dict[str, Any], list[Any]]] = []
        self._parameters: list[dict[str, Parameter | None]] = []

    def holds(self) -> bool:
        """Whether calling the modules still amounts to these layers."""
        for state, size in self._called:
            if (
                len(state) != size
                or state["_forward_hooks"]
                or state["_forward_pre_hooks"]
                or state["_backward_hooks"]
                or state["_backward_pre_hooks"]
            ):
                return False
        for state, size, children in self._holders:
            if len(state) != size or [*state["_modules"].values()] != children:
                return False
        for state, padding in self._convolutions:
            if [state[name] for name in _OF_CONVOLUTIONS] != padding:
                return False
        return (
            [*map(type, self._modules)] == self._classes
            and not any(_HOOKS_OF_ALL)
            and classes_are_as_imported()
            and self._composition.is_as_imported()
        )

    def __call__(self, x: Any) -> Any:
        """The output of the last layer."""
        for layer in self.layers:
            x = layer(x)
        return x

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn] | None:
        """The output y of the last layer, and its vjp; None if weights are tensors of another class.

        The vjp is a function from `g [..., *y's shape]`, gradients of y, to those of x, `[..., *x's shape]`.
        """
        if torch._C._is_any_autocast_enabled():
            return None  # the layers would not see the narrower copies of x that autocast makes
        for parameters in self._parameters:
            for weight in parameters.values():
                if type(weight) not in _WEIGHTS:
                    return None
        vjp_fns = []
        with torch.no_grad():
            for layer in self.layers:
                x, layer_vjp_fn = layer.vjp(x)
                vjp_fns.append(layer_vjp_fn)

        def vjp_fn(g: Tensor) -> Tensor:
            with torch.no_grad():
                for layer_vjp_fn in reversed(vjp_fns):
                    g = layer_vjp_fn(g)
            return g

        return x, vjp_fn

    @property
    def first_weight(self) -> Tensor | None:
        """The weight of the first layer that has one; its dtype and device are the network's."""
        return self._parameters[0]["weight"] if self._parameters else None

    def call(self, module: nn.Module) -> bool:
        """Add the layers that calling a module amounts to; False if they are unknown."""
        self.blocker = module  # the last one visited is the one that is unknown
        if not self.pass_by(module):
            return False
        if type(module) is nn.Sequential:
            self.look_into(module)
            return all(inner is not None and self.call(inner) for inner in module._modules.values())
        make = LAYERS.get(type(module))
        if make is None:
            return self._call_children(module, "forward")
        layer = make(module)
        if layer is None:
            return False
        if type(module) is nn.Conv2d:
            self._convolutions.append((vars(module), [vars(module)[name] for name in _OF_CONVOLUTIONS]))
        if type(module) in (nn.Conv2d, nn.Linear):
            if not {"weight", "bias"} <= module._parameters.keys():
                return False
            self._parameters.append(module._parameters)
        self.layers.append(layer)
        return True

    def call_method(self, module: nn.Module, method: str) -> bool:
        """Add the layers that calling a method of a module amounts to; False if they are unknown."""
        if hasattr(type(module), method) and method not in vars(module):
            self._modules.append(module)
            self._classes.append(type(module))
            return self._call_children(module, method)
        return False

    def pass_by(self, module: nn.Module) -> bool:
        """Watch a module that will not be called itself; False if that would skip hooks or its own `forward`."""
        self._modules.append(module)
        self._classes.append(type(module))
        self._called.append((vars(module), len(vars(module))))
        return is_plain(module) and classes_are_as_imported()

    def look_into(self, module: nn.Module) -> None:
        """Watch which children a module has, and whether attributes are added to it."""
        self._holders.append((vars(module), len(vars(module)), [*module._modules.values()]))

    def _call_children(self, module: nn.Module, method: str) -> bool:
        names = self._composition.children.get((type(module), method))
        if names is None:
            return False
        self.look_into(module)
        children = [module._modules.get(name) for name in names]
        return all(child is not None and self.call(child) for child in children)
