"""Finds the layers that calling some modules amounts to, and checks whether that is still so.

An explanation must follow what calling the modules computes: hooks, an own `forward`, replaced layers and patched
classes change that, before and after the modules became a policy. So a plan is checked at every call, and the check
must not take longer than a twentieth of a small network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, ValuesView
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_modules
from torch.nn.parameter import Parameter

from rltools.policies.base import VjpFn
from rltools.policies.vjp._layers import (
    IMAGE_CLASSES,
    LAYERS,
    Layer,
    classes_are_as_imported,
    image_classes_are_as_imported,
)

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_HOOKS_OF_ALL = tuple(getattr(torch_modules, f"_global{name}") for name in HOOKS)
_FORWARD, _FORWARD_PRE, _BACKWARD, _BACKWARD_PRE = _HOOKS_OF_ALL
_OF_CONVOLUTIONS = ("padding", "padding_mode")
_WEIGHTS = (Parameter, Tensor, type(None))
_set_grad_enabled: Callable[[bool], None] = torch._C._set_grad_enabled


_Children = dict[str, nn.Module | None]
_Holder = tuple[nn.Module, type, dict[str, Any], int, _Children, _Children]
"""A module, its class, its state and the size of that, its children, and a copy of the latter."""
_Sequence = tuple[nn.Module, type, dict[str, Any], int, _Children, ValuesView[nn.Module | None], list[Any]]
"""The same of a Sequential, whose children have an order: they as they are now, and as they were."""


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
        self._is_library_as_imported = composition.is_as_imported  # looked up once: it is asked at every step
        self._called: list[tuple[nn.Module, type, dict[str, Any], int]] = []
        self._holders: list[_Holder] = []
        self._sequences: list[_Sequence] = []
        self._image_modules: list[nn.Module] = []
        self._convolutions: list[tuple[dict[str, Any], list[Any]]] = []
        self._parameters: list[dict[str, Parameter | None]] = []

    def holds(self) -> bool:
        """Whether calling the modules still amounts to these layers."""
        for module, kind, state, size in self._called:
            if (
                type(module) is not kind
                or len(state) != size
                or state["_forward_hooks"]
                or state["_forward_pre_hooks"]
                or state["_backward_hooks"]
                or state["_backward_pre_hooks"]
            ):
                return False
        for module, kind, state, size, children, before in self._holders:
            if (
                type(module) is not kind
                or len(state) != size
                or state["_modules"] is not children
                or children != before
            ):
                return False
        for module, kind, state, size, children, current, in_order in self._sequences:
            if (
                type(module) is not kind
                or len(state) != size
                or state["_modules"] is not children
                or [*current] != in_order
            ):
                return False
        return (
            not (_FORWARD or _FORWARD_PRE or _BACKWARD or _BACKWARD_PRE)
            and classes_are_as_imported()
            and self._is_library_as_imported()
            and (not self._image_modules or self._are_image_modules_as_before())
        )

    def _are_image_modules_as_before(self) -> bool:
        for state, padding in self._convolutions:
            if [state[name] for name in _OF_CONVOLUTIONS] != padding:
                return False
        return image_classes_are_as_imported()

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
        before = torch.is_grad_enabled()
        _set_grad_enabled(False)  # what no_grad() calls; its three methods take as long as a layer
        try:
            for layer in self.layers:
                x, layer_vjp_fn = layer.vjp(x)
                vjp_fns.append(layer_vjp_fn)
        finally:
            _set_grad_enabled(before)
        vjp_fns.reverse()

        def vjp_fn(g: Tensor) -> Tensor:
            before = torch.is_grad_enabled()
            _set_grad_enabled(False)
            try:
                for layer_vjp_fn in vjp_fns:
                    g = layer_vjp_fn(g)
            finally:
                _set_grad_enabled(before)
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
            return self._call_children(module, method)
        return False

    def pass_by(self, module: nn.Module) -> bool:
        """Watch a module that will not be called itself; False if that would skip hooks or its own `forward`."""
        self._called.append((module, type(module), vars(module), len(vars(module))))
        if type(module) in IMAGE_CLASSES:
            self._image_modules.append(module)
            if not image_classes_are_as_imported():
                return False
        return is_plain(module) and classes_are_as_imported()

    def look_into(self, module: nn.Module) -> None:
        """Watch the class of a module, which children it has, and whether attributes are added to it."""
        watched: list[Any] = self._sequences if type(module) is nn.Sequential else self._holders
        if any(module is holder[0] for holder in watched):
            return
        state, children = vars(module), module._modules
        values = children.values()
        before = (values, [*values]) if watched is self._sequences else (dict(children),)
        watched.append((module, type(module), state, len(state), children, *before))

    def _call_children(self, module: nn.Module, method: str) -> bool:
        names = self._composition.children.get((type(module), method))
        if names is None:
            return False
        self.look_into(module)
        children = [module._modules.get(name) for name in names]
        return all(child is not None and self.call(child) for child in children)
