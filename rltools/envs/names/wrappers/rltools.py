"""The wrappers of rltools that change observations.

They are named by the module that exports them. Recordings may name the private module that defined them at the time.
"""

from __future__ import annotations

import dataclasses
from itertools import count
from typing import Any

from rltools.envs.names._named import NamedLeaves
from rltools.envs.names.wrappers import WrapperLibrary
from rltools.spaces.parts import with_lag

_MODULE = f"{__name__.rpartition('.')[2]}.wrappers"


def _select_features(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
    named = inner[()]
    names, lags = named.element_names(), named.element_lags()
    return {
        (): dataclasses.replace(
            named,
            names=tuple(names[position] for position in wrapper.positions),
            units=tuple(named.units[position] for position in wrapper.positions) if named.units else (),
            lags=tuple(lags[position] for position in wrapper.positions),
            leaf_names=tuple(named.leaf_names[position] for position in wrapper.positions) if named.leaf_names else (),
            origins=tuple(named.origins[position] for position in wrapper.positions) if named.origins else (),
        )
    }


def _plant_features(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
    """The names inside, then those of the planted features; a number tells apart those that would have one name."""
    named = inner[()]
    source_names, source_lags = named.element_names(), named.element_lags()
    source_units = named.units or ("",) * len(source_names)
    names, units, lags = list(source_names), list(source_units), list(source_lags)
    for planted in wrapper.planted:
        copied = planted.source >= 0
        name = f"{planted.kind} of {source_names[planted.source]}" if copied else planted.kind
        name = with_lag(name, planted.steps) if planted.steps else name
        again = (f"{name} {number}" for number in count(2))
        names.append(name if name not in names else next(other for other in again if other not in names))
        units.append(source_units[planted.source] if copied else "")
        lags.append(planted.steps + source_lags[planted.source] if copied else 0)
    planted_leaves = ("",) * len(wrapper.planted)
    return {
        (): dataclasses.replace(
            named,
            names=tuple(names),
            units=tuple(units),
            lags=tuple(lags),
            leaf_names=(*named.leaf_names, *planted_leaves) if named.leaf_names else (),
            origins=(*named.element_origins(), *("the wrapper PlantFeatures",) * len(wrapper.planted)),
        )
    }


def _keep(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
    return inner


_RULES = {"FrozenStatistics": _keep, "PlantFeatures": _plant_features, "SelectFeatures": _select_features}
LIBRARY = WrapperLibrary(
    entry_points={name: f"{_MODULE}:{name}" for name in _RULES},
    rules=_RULES,
    module=_MODULE,
)
