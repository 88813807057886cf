"""What a head calls, one part after another, without the price of calling a module for each layer, and the way back.

A live step of a small policy is mostly the bookkeeping of module calls: 55 us for a 64-64 MLP, 26 us without them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rltools.errors import ModelError
from rltools.policies._modes import tree
from rltools.policies.base import VjpFn
from rltools.policies.vjp._plan import PLAIN, Composition, Plan, is_plain

Part = Callable[[Any], Any]
PATIENCE = 256
"""Calls after which a plan is tried again where a layer was unknown: trying costs more than a small network."""


@dataclass(frozen=True)
class Child:
    """Whatever is at a place in a network at the moment of the call; what stood there before is forgotten.

    Attributes:
        root: the network.
        path: names of children, from the root on.
        method: what is called; "" calls the module itself.
        layers: which of the layers of a Sequential are called; None calls all of it.
    """

    root: nn.Module
    path: tuple[str, ...]
    method: str = ""
    layers: slice[int | None, int | None, None] | None = None

    def __call__(self, x: Any) -> Any:
        """What the library's own code calls there, with all that hangs on it."""
        module: Any = self.root
        for name in self.path:
            module = getattr(module, name)
        if self.layers is not None:
            for layer in self._of_sequential(module):
                x = layer(x)
            return x
        return (getattr(module, self.method) if self.method else module)(x)

    def add_to(self, plan: Plan) -> bool:
        """Add what is called to a plan; False where it is not known."""
        module: nn.Module | None = self.root
        for depth, name in enumerate(self.path):
            if module is None or name in vars(module):
                return False
            plan.look_into(module)
            if depth and not plan.pass_by(module):
                return False
            module = module._modules.get(name)
        if module is None:
            return False
        if self.layers is not None:
            plan.look_into(module)
            return all(plan.call(layer) for layer in self._of_sequential(module))
        return plan.call_method(module, self.method) if self.method else plan.call(module)

    def _of_sequential(self, module: Any) -> list[nn.Module]:
        """The layers that are called, of a Sequential of which some are needed and others not.

        Raises:
            ModelError: it does something else than calling its layers in turn.
        """
        hooked = any(vars(module)[hooks] for hooks in ("_forward_hooks", "_forward_pre_hooks"))
        if type(module) is not nn.Sequential or hooked or "forward" in vars(module):
            raise ModelError(
                f"{'.'.join(self.path)} of the {type(self.root).__name__} is hooked or no plain Sequential any more, "
                f"and a head needs some of its layers alone; hook or replace its layers instead"
            )
        assert self.layers is not None
        return list(module)[self.layers]


class Planned:
    """A function that may come down to known layers."""

    def __call__(self, *given: Any) -> Any:
        """What it gives."""
        raise NotImplementedError

    def plan(self) -> Plan | None:
        """The layers that calling it comes down to at this moment; None where it has to be called."""
        raise NotImplementedError

    def compiled(self) -> Callable[..., Any]:
        """The same, compiled by torch for each shape that it is given; the way back is as it was."""
        raise NotImplementedError


class Chain(Planned):
    """A function that does what calling its parts in turn does.

    Where calling them comes down to layers that are known, the layers are called directly; else the parts are. Which of
    the two is found out anew whenever something has changed.
    """

    def __init__(self, *parts: Part, composition: Composition = PLAIN) -> None:
        chains = [part for part in parts if isinstance(part, Chain)]
        self.parts: tuple[Part, ...] = tuple(
            inner for part in parts for inner in (part.parts if isinstance(part, Chain) else (part,))
        )
        known = [chain._composition for chain in chains if chain._composition is not PLAIN]
        self._composition: Composition = known[0] if known else composition
        self._plan: Plan | None = None
        self._blocker: nn.Module | None = None
        self._patience = 0
        self._is_compiled = False
        self._compiled: tuple[Plan | None, Callable[[Any], Any]] | None = None
        self.plan()

    def __getstate__(self) -> dict[str, Any]:
        """Without the plan, which is of these very modules: copies of them have their own."""
        return vars(self) | {"_plan": None, "_compiled": None, "_patience": 0}

    def __call__(self, x: Any) -> Any:
        """What the last part gives."""
        plan = self.plan()
        if self._is_compiled:
            return self._run_compiled(plan, x)
        return self.call_parts(x) if plan is None else plan(x)

    def plan(self) -> Plan | None:
        """See `Planned`.

        Raises:
            ModelError: something stands in the place of what a library does with its network.
        """
        plan = self._plan
        if plan is not None and plan.holds():
            return plan
        if plan is None and self._is_blocked():
            self._composition.check()
            return None
        self._plan = plan = self._made()
        self._patience = PATIENCE
        return plan

    def _is_blocked(self) -> bool:
        """Whether what stood in the way of a plan the last time still does; looked up anew after many calls."""
        self._patience -= 1
        blocker = self._blocker
        if blocker is None or self._patience < 0:
            return False
        return self._composition.is_unknown(type(blocker)) or not is_plain(blocker)

    def call_parts(self, x: Any) -> Any:
        """What the last part gives, each of them called."""
        for part in self.parts:
            x = part(x)
        return x

    def vjp(self, x: Tensor) -> tuple[Tensor, VjpFn] | None:
        """See `Plan.pull`; None where there is no plan."""
        plan = self.plan()
        return None if plan is None else plan.vjp(x)

    def compiled(self) -> Chain:
        """See `Planned`."""
        same = Chain(*self.parts, composition=self._composition)
        same._is_compiled = True
        return same

    def _run_compiled(self, plan: Plan | None, x: Any) -> Any:
        if plan is None:
            modules = tree(part for part in self.parts if isinstance(part, nn.Module))
            if not all(map(is_plain, modules)):
                return self.call_parts(x)  # torch looks for hooks when it compiles, and never again
        if self._compiled is None or self._compiled[0] is not plan:
            self._compiled = plan, torch.compile(self.call_parts if plan is None else plan.__call__)
        return self._compiled[1](x)

    def _made(self) -> Plan | None:
        self._composition.check()
        plan = Plan(self._composition)
        for part in self.parts:
            if isinstance(part, Child):
                known = part.add_to(plan)
            elif isinstance(part, nn.Module):
                known = plan.call(part)
            else:
                known = hasattr(part, "vjp")
                if known:
                    plan.layers.append(part)  # type: ignore[arg-type]  # a layer of ours
            if not known:
                self._blocker = plan.blocker
                return None
        return plan


def chained(head: Callable[..., Any]) -> Callable[..., Any]:
    """A head as it is; a module as a chain, whose layers may be known."""
    return Chain(head) if isinstance(head, nn.Module) else head
