"""What rltools reads of an environment: `feature_names`, `feature_units` and `action_names`.

Each is an attribute of the environment, or an entry of its `metadata`. Names and units are lists with a text for each
element of the observation, in row-major order; for a Dict or Tuple, mappings from the path of each array (`camera/0`)
to such a list. `action_names` has a text for each discrete action or each dimension of a continuous one. A wrapper that
changes observations or actions says with the same attributes what they are called then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium

from rltools.envs.names._named import NamedLeaves
from rltools.envs.names.sources import Env, Names, distinct, name_leaves, texts_in, value_of


def observed(env: Env, plain: NamedLeaves) -> NamedLeaves:
    """The names and units that the environment has."""
    names, origin = _value(env, "feature_names")
    units, unit_origin = _value(env, "feature_units")
    return name_leaves(plain, names, units, origin or unit_origin) if origin or unit_origin else {}


def acted(env: Env) -> Names | None:
    """The names that the environment has for its actions."""
    names, origin = _value(env, "action_names")
    texts = texts_in(names)
    return Names(distinct(texts), origin) if texts else None


def _value(env: Env, name: str) -> tuple[Any, str]:
    """An attribute, or an entry of the metadata, and where it is from; (None, "") without one."""
    value = value_of(env, name)
    holder = f"the wrapper {type(env).__name__}" if isinstance(env, gymnasium.Wrapper) else "the environment"
    if isinstance(value, Mapping) or texts_in(value):
        return value, f"{holder}'s {name}"
    # A wrapper's metadata are those of the environment inside it.
    metadata = None if isinstance(env, gymnasium.Wrapper) else value_of(env, "metadata")
    value = metadata.get(name) if isinstance(metadata, Mapping) else None
    if isinstance(value, Mapping) or texts_in(value):
        return value, f"the environment's metadata[{name!r}]"
    return None, ""
