"""How environments name what they observe: one file per convention, found by its place.

A file has one or both of these functions of the innermost environment; it imports nothing that is not installed with
rltools, because the environment brings its own package:

```
def observed(env, plain: NamedLeaves) -> NamedLeaves: ...  # names, units and origins, wherever they fit
def acted(env) -> Names | None: ...                        # one name per action
```

What the environment says in so many words comes first; a file whose names are derived from a simulation says
`COMES_LAST = True`. An environment's card comes before all of them.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import gymnasium
import numpy as np

from rltools._util.discovery import modules_in
from rltools.envs.names._named import NamedLeaf, NamedLeaves

Env = gymnasium.Env[Any, Any]


class NamesWarning(UserWarning):
    """Names that an environment gives do not fit what it observes, and are not used."""


class Names(NamedTuple):
    """Names, and where they are from.

    Attributes:
        names: one per element or action.
        origin: a phrase that completes "named by".
    """

    names: tuple[str, ...]
    origin: str


@cache
def sources() -> dict[str, Any]:
    """The files of this folder by name, in the order in which they are asked."""
    modules = {name: import_module(f"{__name__}.{name}") for name in modules_in(__name__)}
    return dict(sorted(modules.items(), key=lambda item: getattr(item[1], "COMES_LAST", False)))


def names_from_environment(env: Env, named: NamedLeaves) -> NamedLeaves:
    """The leaves of an environment without wrappers, each named by the first manner that names it."""
    for module in sources().values():
        missing = {path: leaf for path, leaf in named.items() if not leaf.names}
        if missing and hasattr(module, "observed"):
            named = named | {path: leaf for path, leaf in module.observed(env, missing).items() if path in missing}
    return named


def actions_from_environment(env: Env) -> Names:
    """The names of the actions by the first manner that has any; none at all without one."""
    for module in sources().values():
        if hasattr(module, "acted") and (names := module.acted(env)):
            return Names(*names)
    return Names((), "")


def value_of(env: object, name: str) -> Any:
    """An attribute of an environment or a space; None if there is none, or reading it fails."""
    try:
        return getattr(env, name, None)
    except Exception:  # a property of the user's own code may raise anything
        return None


def texts_in(value: Any) -> tuple[str, ...]:
    """The texts of a list, which may be nested as a table is; () for anything else."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, str) or not isinstance(value, Sequence):
        return ()
    parts = [texts_in(part) if not isinstance(part, str) else (part,) for part in value]
    return tuple(text for part in parts for text in part) if all(parts) else ()


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The same names, with a number behind each that came before.

    >>> distinct(["load", "price", "load"])
    ('load', 'price', 'load 2')
    """
    seen: dict[str, int] = {}
    made: list[str] = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        made.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return tuple(made) if len(set(made)) == len(made) else tuple(names)


def named_leaf(plain: NamedLeaf, names: Sequence[str], units: Sequence[str], origin: str) -> NamedLeaf | None:
    """A leaf with names: one per element, per choice, or per channel of an image; None if their number is another.

    Args:
        plain: the leaf, without names.
        names: in row-major order; empty if only the units are known.
        units: one per element; empty if unknown.
        origin: see `Names`.
    """
    leaf, size = plain.leaf, plain.leaf.size
    units = tuple(units) if len(units) == size else ()
    if leaf.kind == "text" or len(set(names)) < len(names):
        return None
    if plain.is_image and len(plain.part.dims) == 3 and "channel" in plain.part.dims:
        channels = leaf.encoded_shape[plain.part.dims.index("channel")]
        if len(names) == channels:
            return dataclasses.replace(plain, channels=tuple(names))
    if len(names) == size or (not names and units):
        return dataclasses.replace(plain, names=tuple(names), units=units, origins=(origin,) * len(names))
    if leaf.kind == "choice" and len(names) == len(leaf.sizes):
        values = zip(names, leaf.sizes, leaf.starts, strict=True)
        elements = tuple(f"{name}={start + value}" for name, count, start in values for value in range(count))
        return dataclasses.replace(plain, names=elements, choices=tuple(names), origins=(origin,) * size)
    return None


def by_leaf(plain: NamedLeaves, value: Any) -> dict[Any, tuple[str, ...]]:
    """Texts by the path of their leaf: of a mapping by path, or of a list for all arrays in a row."""
    by_name = {leaf.leaf.name: path for path, leaf in plain.items()}
    if isinstance(value, Mapping):
        named = {by_name[str(key)]: value[key] for key in value if str(key) in by_name}
        return {path: (texts,) if isinstance(texts, str) else texts_in(texts) for path, texts in named.items()}
    texts = texts_in(value)
    if len(plain) == 1:
        return {next(iter(plain)): texts}
    stops = np.cumsum([leaf.leaf.size for leaf in plain.values()])
    if not len(stops) or len(texts) != stops[-1]:
        return {}
    return {path: texts[stop - leaf.leaf.size : stop] for (path, leaf), stop in zip(plain.items(), stops, strict=True)}


def name_leaves(
    plain: NamedLeaves,
    names: Any,
    units: Any,
    origin: str,
    *,
    warn: bool = True,
    unit_of: Callable[[str], str] | None = None,
) -> NamedLeaves:
    """Leaves with the names and units that an environment gives, in any form that `by_leaf` takes.

    Names whose number is not that of the elements are left out, with a warning unless `warn` is false.
    """
    made: NamedLeaves = {}
    texts, of_units = by_leaf(plain, names), by_leaf(plain, units)
    for path, leaf in plain.items():
        own = texts.get(path, ())
        measured = tuple(map(unit_of, own)) if unit_of is not None else of_units.get(path, ())
        named = named_leaf(leaf, own, measured, origin) if own or measured else None
        if named is not None:
            made[path] = named
    listed = texts_in([*names.values()] if isinstance(names, Mapping) else names)
    if warn and listed and not any(leaf.names or leaf.channels for leaf in made.values()):
        size = sum(leaf.leaf.size for leaf in plain.values())
        repeated = "" if len(set(listed)) == len(listed) else ", some of them the same"
        warnings.warn(
            f"{origin} has {len(listed)} names{repeated}, and the environment observes {size} elements: not used",
            NamesWarning,
            stacklevel=2,
        )
    return made
