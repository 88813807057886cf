"""The modules that the user named, and the wrappers in them that a file may name as `module:Class`.

A file never makes rltools import anything, and of what is imported already it gets nothing but the wrappers of modules
that the user named: on the command line (`--import`), as an argument (`modules=`) or with `import_modules`.
"""

from __future__ import annotations

import re
import sys

import gymnasium

from rltools.envs.names.wrappers import wrapper_libraries
from rltools.errors import SimulationError

MAX_LENGTH = 200
"""Characters of a wrapper's name."""
_ENTRY_POINT = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
_named_modules: set[str] = set()


def name_module(module: str) -> None:
    """Record that the user named a module, so that files may name the wrappers in it."""
    _named_modules.add(module)


def is_named(module: str) -> bool:
    """Whether the user named a module, or a package that it is in."""
    parts = module.split(".")
    return any(".".join(parts[:count]) in _named_modules for count in range(1, len(parts) + 1))


def check_own_wrapper(entry_point: str) -> None:
    """Refuse a wrapper `module:Class` unless the class is a Gymnasium wrapper in a module that the user named.

    Nothing is imported, and no code of the module is run.

    Raises:
        SimulationError: it is anything else; the message says what to do.
    """
    quoted = repr(entry_point[:MAX_LENGTH])
    if len(entry_point) > MAX_LENGTH or not _ENTRY_POINT.fullmatch(entry_point):
        raise SimulationError(f"{quoted} names no wrapper; give the name of a wrapper's class, or module:Class")
    module, _, name = entry_point.partition(":")
    if module.partition(".")[0] in wrapper_libraries():
        raise SimulationError(
            f"the wrapper {quoted} is not made just because a file names it; give a function that makes the environment"
        )
    if not is_named(module) or module not in sys.modules:
        raise SimulationError(
            f"the wrapper {quoted} is not made just because a file names it; if you trust the module {module!r}, name "
            f"it yourself: --import {module}, or in Python rltools.envs.import_modules([{module!r}])"
        )
    wrapper = vars(sys.modules[module]).get(name)  # a module's own __getattr__ could run anything
    if not isinstance(wrapper, type) or not issubclass(wrapper, gymnasium.Wrapper):
        kind = "is not there" if wrapper is None else f"is a {type(wrapper).__name__}, not a gymnasium.Wrapper"
        raise SimulationError(f"the wrapper {quoted} cannot be used: {name} {kind}; give the name of a wrapper's class")
    if not is_named(wrapper.__module__):
        raise SimulationError(
            f"the wrapper {quoted} cannot be used: {name} is defined in {wrapper.__module__}, which you did not name; "
            f"give a function that makes the environment"
        )
