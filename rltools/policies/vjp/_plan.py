"""The layers that calling some modules comes down to, and whether it still comes down to them.

What is called is what is explained: hooks, a `forward` of one's own, other layers and patched classes change what
calling a module does, before and after it became a policy. So whether a plan holds is asked at every call, and has to
cost a twentieth of a small network.
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
from rltools.policies.vjp._layers import KNOWN, Layer, classes_are_as_imported

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_HOOKS_OF_ALL = tuple(getattr(torch_modules, f"_global{name}") for name in HOOKS)
_OF_CONVOLUTIONS = ("padding", "padding_mode")
_WEIGHTS = (Parameter, Tensor, type(None))


def _always() -> bool:
    return True


@dataclass(frozen=True)
class Composition:
    """What calling the modules of a library's classes does, as the children that are called in turn.

    Attributes:
        children: by class and the name of the method that is called.
        is_as_imported: whether these methods are still the library's own.
        check: raises where something stands in the place of what the library does with its network.
    """

    children: Mapping[tuple[type, str], tuple[str, ...]] = field(default_factory=dict)
    is_as_imported: Callable[[], bool] = _always
    check: Callable[[], object] = _always

    def is_unknown(self, kind: type[nn.Module]) -> bool:
        """Whether there is no way back through modules of a class, whatever state they are in."""
        return kind not in KNOWN and kind is not nn.Sequential and (kind, "forward") not in self.children


PLAIN = Composition()


def is_plain(module: nn.Module) -> bool:
    """Whether calling a module runs the forward of its class, and nothing else: no hooks, nothing of its own."""
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
    """Layers that do what calling the modules they were found in does, as long as it holds."""

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
        """Whether calling the modules still comes down to these layers."""
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
        """What the last layer gives."""
        for layer in self.layers:
            x = layer(x)
        return x

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn] | None:
        """What the last layer gives, `y`, and the way back, without a graph; None where weights have ways of their own.

        The way back is a function from `g [..., *y's shape]`, gradients of y, to those of x, `[..., *x's shape]`.
        """
        if torch._C._is_any_autocast_enabled():
            return None  # the layers' derivatives are of what they were given, and not of a narrower copy
        for parameters in self._parameters:
            for weight in parameters.values():
                if type(weight) not in _WEIGHTS:
                    return None
        ways = []
        with torch.no_grad():
            for layer in self.layers:
                x, way = layer.vjp(x)
                ways.append(way)

        def back(g: Tensor) -> Tensor:
            with torch.no_grad():
                for way in reversed(ways):
                    g = way(g)
            return g

        return x, back

    @property
    def first_weight(self) -> Tensor | None:
        """Of the first layer that has one: its dtype and device are the network's."""
        return self._parameters[0]["weight"] if self._parameters else None

    def call(self, module: nn.Module) -> bool:
        """Add what calling a module does; False where that is not known."""
        self.blocker = module  # the last one that was looked at, where this ends
        if not self.pass_by(module):
            return False
        if type(module) is nn.Sequential:
            self.look_into(module)
            return all(inner is not None and self.call(inner) for inner in module._modules.values())
        make = KNOWN.get(type(module))
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
        """Add what calling a method of a module does; False where that is not known."""
        if hasattr(type(module), method) and method not in vars(module):
            self._modules.append(module)
            self._classes.append(type(module))
            return self._call_children(module, method)
        return False

    def pass_by(self, module: nn.Module) -> bool:
        """Watch a module that is not called itself; False where something would not be run because of that."""
        self._modules.append(module)
        self._classes.append(type(module))
        self._called.append((vars(module), len(vars(module))))
        return is_plain(module) and classes_are_as_imported()

    def look_into(self, module: nn.Module) -> None:
        """Watch which children a module has, and whether it gets attributes of its own."""
        self._holders.append((vars(module), len(vars(module)), [*module._modules.values()]))

    def _call_children(self, module: nn.Module, method: str) -> bool:
        names = self._composition.children.get((type(module), method))
        if names is None:
            return False
        self.look_into(module)
        children = [module._modules.get(name) for name in names]
        return all(child is not None and self.call(child) for child in children)
