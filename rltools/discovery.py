"""Finding what extends rltools: the files of a room, and the entry points of other people's packages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import iter_modules
from typing import Any

from rltools.errors import UnknownNameError


@cache
def room_modules(package: str) -> tuple[str, ...]:
    """The modules and folders of a package, by listing its place; nothing is imported but the package."""
    return tuple(sorted(module.name for module in iter_modules(import_module(package).__path__)))


@cache
def others(group: str) -> dict[str, EntryPoint]:
    """What installed packages offer under an entry-point group, for instance `rltools.attributions`."""
    return {point.name: point for point in entry_points(group=group)}


def unknown(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """The error for a name that nothing answers to, with the nearest known ones."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    return UnknownNameError(f"no {kind} {name!r}; {hint}there are {', '.join(names) or 'none'}")


def load_member(module: str, name: str) -> Any:
    """What a module of a room holds under the room's naming rule."""
    return getattr(import_module(module), name)
