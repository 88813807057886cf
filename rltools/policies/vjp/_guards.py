"""What of torch the known layers rely on, and whether it still is what it was when this was imported.

A layer computes what calling its module computes as long as nobody patched the class or the functions that its
`forward` calls. Each known class has a guard, and a plan checks the guards of its own classes at every call.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from types import BuiltinFunctionType
from typing import Any

import torch
from torch import nn

from rltools.policies.vjp._condition import Condition

Place = tuple[Any, str]
"""A module or class, and the name of an attribute of it that holds a function."""

count_function_modes = torch._C._len_torch_function_stack
"""How many modes are active: each may compute something else than the functions say."""


@dataclass(frozen=True)
class Guard:
    """Functions as they were when this was made.

    Attributes:
        functions: the owner, the name and the function that the owner had under this name.
    """

    functions: tuple[tuple[Any, str, Any], ...]

    @classmethod
    def of_places(cls, *places: Place) -> Guard:
        """The guard of what is in some places now."""
        return cls(tuple((owner, name, getattr(owner, name)) for owner, name in places))

    @property
    def is_torchs_own(self) -> bool:
        """Whether all functions are the original ones, and not ones that replaced them before this import."""
        return all(_is_written_by(_module_of(owner, name), function) for owner, name, function in self.functions)

    def holds(self) -> bool:
        """Whether all functions still are in their places."""
        return all(getattr(owner, name) is function for owner, name, function in self.functions)

    def add_to(self, condition: Condition) -> None:
        """Require it at every call: written out, because a comparison takes 20 ns so, and twice that in a loop."""
        for owner, name, function in self.functions:
            condition.require(f"{{0}}.{name} is {{1}}", owner, function)


def guard_of(kind: type[nn.Module], *calls: Place) -> Guard:
    """The guard of a class of modules, whose `forward` calls functions in these places."""
    return Guard.of_places(*((kind, name) for name in ("__call__", "_call_impl", "forward")), *calls)


def _module_of(owner: Any, name: str) -> str:
    """The name of the module in which a function of a module or class is written."""
    if not isinstance(owner, type):
        return str(owner.__name__)
    return next(base.__module__ for base in owner.__mro__ if name in vars(base))


def _is_written_by(module: str, function: Any) -> bool:
    if isinstance(function, BuiltinFunctionType):
        return True
    written_in = getattr(getattr(function, "__code__", None), "co_filename", "")
    return Path(written_in).stem == Path(getattr(sys.modules[module], "__file__", None) or "").stem
