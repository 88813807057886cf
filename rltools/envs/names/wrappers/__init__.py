"""The Gymnasium wrappers of each library: which of them a file may name, and how they change names.

One file per library, named like its package and found by its place. It holds `LIBRARY`, a `WrapperLibrary`; adding a
library adds a file and edits none. A file imports nothing of its library that is not installed with rltools.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

from rltools._util.discovery import modules_in
from rltools.envs.names._named import NamedLeaf
from rltools.spaces.leaves import Path

Rule = Callable[[Any, dict[Path, NamedLeaf]], Mapping[Path, NamedLeaf]]
"""Maps a wrapper and the names of the observations it receives to the names of those it returns."""


@dataclass(frozen=True)
class WrapperLibrary:
    """The wrappers of one package.

    Attributes:
        entry_points: `module:Class` of each wrapper that a file may name, by the name of its class. These change
            observations, actions or rewards by plain data; none writes files, opens windows or takes a function.
        rules: how a wrapper changes names, by the name of its class; wrappers without a rule need not be here.
        module: public module that exports all of `entry_points`, whatever private module defines them; "" if none does.
        records_arguments: whether wrappers record their arguments in an environment's spec, as Gymnasium's do.
        composites: entry points of wrappers made of others of their module, which a spec lists before them.
        transparent: entry points of wrappers that leave observations, actions and rewards as they are.
        displays: entry points of wrappers that write files or open windows; an environment is remade without them.
        tuple_arguments: arguments that must be tuples, which JSON and YAML lack, by the name of the class.
        lengthens_inner: classes that write their longer observation space into the environment they wrap.
    """

    entry_points: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, Rule] = field(default_factory=dict)
    module: str = ""
    records_arguments: bool = True
    composites: tuple[str, ...] = ()
    transparent: tuple[str, ...] = ()
    displays: tuple[str, ...] = ()
    tuple_arguments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lengthens_inner: tuple[str, ...] = ()

    def canonical(self, entry_point: str) -> str:
        """The entry point by which a wrapper is read, written and compared, wherever its class is defined."""
        module, _, name = entry_point.partition(":")
        ours = self.module and (module == self.module or module.startswith(f"{self.module}."))
        return self.entry_points.get(name, entry_point) if ours else entry_point


@cache
def wrapper_libraries() -> dict[str, WrapperLibrary]:
    """The libraries of this folder by the name of their package."""
    return {name: import_module(f"{__name__}.{name}").LIBRARY for name in modules_in(__name__)}


def wrapper_library(module: str) -> WrapperLibrary:
    """The library that a module belongs to; an empty one for other packages."""
    return wrapper_libraries().get(module.partition(".")[0], WrapperLibrary())
