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
from rltools.policies.vjp._condition import Condition
from rltools.policies.vjp._guards import count_function_modes
from rltools.policies.vjp._known import GUARDS, LAYERS, WITH_WEIGHTS
from rltools.policies.vjp._layers import Layer

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_HOOKS_OF_ALL = tuple(getattr(torch_modules, f"_global{name}") for name in HOOKS)
_NO_HOOKS, _NO_BACKWARD_HOOKS = (
    f"not ({{0}}[{hooks!r}] or {{0}}[{before!r}])" for hooks, before in (HOOKS[:2], HOOKS[2:])
)
_OF_CONVOLUTIONS = ("padding", "padding_mode")
_WEIGHTS = (Parameter, Tensor, type(None))
_set_grad_enabled: Callable[[bool], None] = torch._C._set_grad_enabled


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
    """The layers that calling some modules amounts to.

    Their outputs are the same as long as `holds()` is true, and their gradients if `is_unhooked_backward()` is too.
    """

    def __init__(self, composition: Composition) -> None:
        self.layers: list[Layer] = []
        self.blocker: nn.Module | None = None
        self._composition = composition
        self.holds: Callable[[], bool] = self._hold
        self.is_unhooked_backward: Callable[[], bool] = self._be_unhooked_backward
        self._condition, self._unhooked_backward = Condition(), Condition()
        self._watched: set[tuple[int, str]] = set()
        self._parameters: list[dict[str, Parameter | None]] = []
        self._condition.require("not ({0} or {1})", *_HOOKS_OF_ALL[:2])
        self._unhooked_backward.require("not ({0} or {1})", *_HOOKS_OF_ALL[2:])
        self._condition.require("not {0}()", count_function_modes)
        self._condition.require("{0}()", composition.is_as_imported)

    def _hold(self) -> bool:
        """Whether calling the modules still amounts to these layers; from the second call on, without this detour."""
        self.holds = self._condition.compiled()
        return self.holds()

    def _be_unhooked_backward(self) -> bool:
        """Whether no hook changes the gradients of the modules; actions do not depend on it."""
        self.is_unhooked_backward = self._unhooked_backward.compiled()
        return self.is_unhooked_backward()

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
        weights = (parameters["weight"] for parameters in self._parameters)
        return next((weight for weight in weights if weight is not None), None)

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
            for name in _OF_CONVOLUTIONS:
                self._condition.require(f"{{0}}[{name!r}] == {{1}}", vars(module), vars(module)[name])
        if type(module) in WITH_WEIGHTS:
            if not {"weight", "bias"} <= module._parameters.keys():
                return False
            self._condition.require(f"len({{0}}) == {len(module._parameters)}", module._parameters)
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
        self._watch(module)
        if self._is_new(module, "its hooks"):
            self._condition.require(_NO_HOOKS, vars(module))
            self._unhooked_backward.require(_NO_BACKWARD_HOOKS, vars(module))
        guard = GUARDS.get(type(module))
        if guard is not None and self._is_new(type(module), "its class"):
            guard.add_to(self._condition)
        return is_plain(module) and (guard is None or guard.holds()) and not count_function_modes()

    def look_into(self, module: nn.Module) -> None:
        """Watch the class of a module, which children it has, and whether attributes are added to it."""
        self._watch(module)
        if not self._is_new(module, "its children"):
            return
        children = module._modules
        self._condition.require("{0}['_modules'] is {1}", vars(module), children)
        if type(module) is nn.Sequential:  # its children have an order
            self._condition.require("[*{0}] == {1}", children.values(), [*children.values()])
        else:
            self._condition.require("{0} == {1}", children, dict(children))

    def _watch(self, module: nn.Module) -> None:
        """Require that a module keeps its class, and that no attributes are added to it."""
        if self._is_new(module, "its attributes"):
            term = f"type({{0}}) is {{1}} and len({{2}}) == {len(vars(module))}"
            self._condition.require(term, module, type(module), vars(module))

    def _is_new(self, thing: object, aspect: str) -> bool:
        """Whether an aspect of something, whose values the condition keeps alive, is not watched yet."""
        new = (id(thing), aspect) not in self._watched
        self._watched.add((id(thing), aspect))
        return new

    def _call_children(self, module: nn.Module, method: str) -> bool:
        names = self._composition.children.get((type(module), method))
        if names is None:
            return False
        self.look_into(module)
        children = [module._modules.get(name) for name in names]
        return all(child is not None and self.call(child) for child in children)
