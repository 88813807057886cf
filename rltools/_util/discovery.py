"""Finds extensions of rltools: the files of a room, and the entry points of other packages.

Another package can be broken, or use a name that is already taken. Then a warning names it, it is left out, and
nothing else fails.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import iter_modules
from typing import Any

from rltools.errors import PluginError, UnknownNameError

MAX_NAME = 200
"""Characters of a name that is looked for among others; comparing longer ones takes long, and none is so long."""

_UNDERSCORED = ("rltools.plots",)
"""Rooms whose file `_name.py` holds `name`, because the name itself is the function."""


class PluginWarning(UserWarning):
    """Something that another package offers is left out."""


@cache
def modules_in(package: str) -> tuple[str, ...]:
    """The modules and folders of a package, by listing its place; nothing is imported but the package."""
    return tuple(sorted(module.name for module in iter_modules(import_module(package).__path__)))


def others(group: str) -> dict[str, EntryPoint]:
    """What installed packages offer under an entry-point group, for instance `rltools.attributions`, by name.

    Names that rltools has itself and names that two packages offer are left out, with a warning; see `refused`.
    """
    usable, left_out = _offered(group)
    for reason in left_out.values():
        warnings.warn(reason, PluginWarning, stacklevel=3)
    return usable


def refused(group: str) -> dict[str, str]:
    """Names that packages offer and cannot have, each with the reason and both origins."""
    return _offered(group)[1]


def load_offered(point: EntryPoint) -> Any:
    """What an entry point stands for.

    Raises:
        PluginError: importing it failed, in whatever way; the message names the package.
    """
    try:
        return point.load()
    except KeyboardInterrupt:
        raise
    # A module of somebody else's runs here, and may even end the interpreter.
    except BaseException as error:
        raise PluginError(
            f"{point.name}, which is {origin(point)} ({point.group}), cannot be loaded: {type(error).__name__}: "
            f"{' '.join(str(error).split())[:300]}; fix, upgrade or uninstall that package"
        ) from error


def origin(point: EntryPoint) -> str:
    """Where an entry point comes from: `tinyrl.attribution of the package tinyrl 1.2`."""
    package = f" of the package {point.dist.name} {point.dist.version}" if point.dist is not None else ""
    return f"{point.value}{package}"


def unknown(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """The error for a name that nothing answers to, with the nearest known ones."""
    names = sorted(known)
    close = difflib.get_close_matches(name[:MAX_NAME], names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    return UnknownNameError(f"no {kind} {name[:MAX_NAME]!r}; {hint}there are {', '.join(names) or 'none'}")


def load_member(module: str, name: str) -> Any:
    """What a module of a room holds under the room's naming rule."""
    return getattr(import_module(module), name)


@cache
def _offered(group: str) -> tuple[dict[str, EntryPoint], dict[str, str]]:
    """The entry points that can be used, and why the others cannot, both by name."""
    own = {module: module for module in modules_in(group) if not module.startswith("_")}
    if group in _UNDERSCORED:
        own |= {module.removeprefix("_"): module for module in modules_in(group)}
    offers: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=group):
        same = offers.setdefault(point.name, [])
        if all(origin(point) != origin(other) for other in same):  # one package can be found in two places
            same.append(point)
    usable, left_out = {}, {}
    for name, points in sorted(offers.items()):
        origins = " and ".join(sorted(map(origin, points)))
        if name in own:
            left_out[name] = (
                f"{name!r} is {group}.{own[name]} of rltools itself, and {origins} offers the same name ({group}); "
                f"rltools' own stands. Rename the entry point, or uninstall that package"
            )
        elif len(points) > 1:
            left_out[name] = (
                f"{name!r} is offered by {origins} ({group}); none of them is used. Uninstall all but one of them"
            )
        elif not name.isidentifier() or name.startswith("_"):
            left_out[name] = (
                f"{name[:MAX_NAME]!r}, which {origins} offers ({group}), is no name: letters, digits and '_', not "
                f"beginning with '_' or a digit; it is not used. Rename the entry point, or uninstall that package"
            )
        else:
            usable[name] = points[0]
    return usable, left_out
