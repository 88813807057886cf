"""Spaces that have names: a subclass of Box, Discrete, MultiDiscrete or MultiBinary with an attribute `names`."""

from __future__ import annotations

import dataclasses
from typing import Any

from gymnasium import Space, spaces

from rltools.envs.names._named import NamedLeaf, NamedLeaves
from rltools.envs.names.sources import Env, Names, name_leaves, texts_in, value_of

_ORIGIN = "the observation space's names"


def observed(env: Env, plain: NamedLeaves) -> NamedLeaves:
    """The names, and the `units` if there are any, of every array whose space has them."""
    made: NamedLeaves = {}
    for path, leaf in plain.items():
        space = _space_at(env.observation_space, path)
        names = texts_in(value_of(space, "names"))
        if not names:
            continue
        if isinstance(space, spaces.Discrete) and len(names) == leaf.leaf.size:
            made[path] = _values(leaf, names)
        else:
            made |= name_leaves({path: leaf}, names, texts_in(value_of(space, "units")), _ORIGIN)
    return made


def acted(env: Env) -> Names | None:
    """The names of the action space."""
    names = texts_in(value_of(env.action_space, "names"))
    return Names(names, "the action space's names") if names else None


def _values(leaf: NamedLeaf, names: tuple[str, ...]) -> NamedLeaf:
    """A choice whose values have names."""
    (choice,) = leaf.choice_names()
    elements = tuple(f"{choice}={name}" for name in names)
    return dataclasses.replace(leaf, names=elements, origins=(_ORIGIN,) * len(elements))


def _space_at(space: Any, path: tuple[str | int, ...]) -> Space[Any]:
    for key in path:
        space = space[key]
    inner: Space[Any] = space
    return inner
