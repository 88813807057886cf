"""The wrappers of rltools that change observations.

They are named by the module that exports them. Recordings may name the private module that defined them at the time.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from rltools.envs.names._named import NamedLeaves
from rltools.envs.names.wrappers import WrapperLibrary

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
        )
    }


def _keep(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
    return inner


_RULES = {"FrozenStatistics": _keep, "SelectFeatures": _select_features}
LIBRARY = WrapperLibrary(
    entry_points={name: f"{_MODULE}:{name}" for name in _RULES},
    rules=_RULES,
    module=_MODULE,
)
