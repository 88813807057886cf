"""Finds extensions of rltools: the files of a room, and the entry points of other packages.

A package that is broken, or that uses a name that is already taken, is left out with a warning, and nothing else
fails.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from rltools._util.text import LONGEST_NAME, did_you_mean
from rltools.errors import PluginError, RltoolsError, UnknownNameError

MEMBER_PREFIX = "MEMBER_PREFIX"
"""The constant of a room that holds the prefix of its members' file names: "_" if `_name.py` holds `name`."""


class PluginWarning(UserWarning):
    """An extension in another package is left out."""


@cache
def modules_in(package: str) -> tuple[str, ...]:
    """The modules and packages in a package, from its directory listing; only the package itself is imported."""
    return tuple(sorted(module.name for module in iter_modules(import_module(package).__path__)))


def entry_points_of(group: str) -> dict[str, EntryPoint]:
    """The entry points of installed packages in a group, for instance `rltools.attributions`, by name.

    Names that rltools has itself and names that two packages offer are left out with a warning; see `refused`.
    """
    usable, left_out = _offered(group)
    for reason in left_out.values():
        warnings.warn(reason, PluginWarning, stacklevel=3)
    return usable


def unusable_entry_points(group: str) -> dict[str, str]:
    """The names of entry points that cannot be used, each with the reason and its origins."""
    return _offered(group)[1]


def load_entry_point(point: EntryPoint) -> Any:
    """Load the object that an entry point names.

    Raises:
        PluginError: importing it failed; the message names the package.
    """
    try:
        return point.load()
    except KeyboardInterrupt:
        raise
    # The module of another package is executed here; it may even raise SystemExit.
    except BaseException as error:
        raise PluginError(
            f"{point.name}, which is {origin(point)} ({point.group}), cannot be loaded: {type(error).__name__}: "
            f"{' '.join(str(error).split())[:300]}; fix, upgrade or uninstall that package"
        ) from error


def origin(point: EntryPoint) -> str:
    """The origin of an entry point: `tinyrl.attribution of the package tinyrl 1.2`."""
    package = f" of the package {point.dist.name} {point.dist.version}" if point.dist is not None else ""
    return f"{point.value}{package}"


def unknown_name(kind: str, name: str, names: Iterable[str]) -> UnknownNameError:
    """The error for an unknown name, with the nearest ones and all that exist."""
    names = sorted(names)
    every = f"there are {', '.join(names) or 'none'}"
    hint = did_you_mean(name, names)
    return UnknownNameError(f"no {kind} {name[:LONGEST_NAME]!r}; {every if hint == every else f'{hint} {every}'}")


def load_member(module: str, name: str) -> Any:
    """An attribute of a module that is found by its place.

    Raises:
        PluginError: the file fails when it is imported; the message names it.
    """
    return getattr(_import(module), name)


def loadable(package: str) -> tuple[str, ...]:
    """The public modules of a package that can be imported; a warning names each of the others."""
    usable = []
    for name in modules_in(package):
        try:
            if not name.startswith("_"):
                _import(f"{package}.{name}")
                usable.append(name)
        except PluginError as error:
            warnings.warn(str(error), PluginWarning, stacklevel=3)
    return tuple(usable)


def _import(module: str) -> ModuleType:
    try:
        return import_module(module)
    except RltoolsError:
        raise
    except Exception as error:
        raise PluginError(
            f"{module.replace('.', '/')}.py cannot be loaded: {type(error).__name__}: {' '.join(str(error).split())}; "
            f"fix that file, or remove it"
        ) from error


@cache
def _offered(group: str) -> tuple[dict[str, EntryPoint], dict[str, str]]:
    """The entry points that can be used, and the reasons why the others cannot, both by name."""
    own = {module: module for module in modules_in(group) if not module.startswith("_")}
    if prefix := getattr(import_module(group), MEMBER_PREFIX, ""):
        own |= {module.removeprefix(prefix): module for module in modules_in(group)}
    offers: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=group):
        same = offers.setdefault(point.name, [])
        if all(origin(point) != origin(other) for other in same):  # the same package may be listed twice
            same.append(point)
    usable, left_out = {}, {}
    for name, points in sorted(offers.items()):
        origins = " and ".join(sorted(map(origin, points)))
        if name in own:
            left_out[name] = (
                f"{name!r} is {group}.{own[name]} of rltools itself, and {origins} offers the same name ({group}); "
                f"rltools uses its own. Rename the entry point, or uninstall that package"
            )
        elif len(points) > 1:
            left_out[name] = (
                f"{name!r} is offered by {origins} ({group}); none of them is used. Uninstall all but one of them"
            )
        elif not name.isidentifier() or name.startswith("_"):
            left_out[name] = (
                f"{name[:LONGEST_NAME]!r}, which {origins} offers ({group}), is not a valid name: letters, digits and "
                f"'_', not beginning with '_' or a digit; it is not used. Rename the entry point, or uninstall that "
                f"package"
            )
        else:
            usable[name] = points[0]
    return usable, left_out
