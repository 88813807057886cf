"""The wrappers of sb3-contrib."""

from __future__ import annotations

import dataclasses
from typing import Any

from rltools.envs.names._named import NamedLeaves
from rltools.envs.names.wrappers import WrapperLibrary


def _add_time_left(wrapper: Any, inner: NamedLeaves) -> NamedLeaves:
    """One more element: the fraction of the time limit that is left, from 1 down to 0."""
    path = () if () in inner else ("observation",)
    named = inner[path]
    unit = "" if wrapper._test_mode else f"{wrapper._max_steps} steps"
    longer = dataclasses.replace(
        named,
        names=(*named.element_names(), "time left"),
        units=(*(named.units or ("",) * named.leaf.size), unit),
        lags=(*named.element_lags(), 0),
        leaf_names=(*named.leaf_names, "") if named.leaf_names else (),
        origins=(*named.element_origins(), "the wrapper TimeFeatureWrapper"),
    )
    return inner | {path: longer}


LIBRARY = WrapperLibrary(
    entry_points={"TimeFeatureWrapper": "sb3_contrib.common.wrappers.time_feature:TimeFeatureWrapper"},
    rules={"TimeFeatureWrapper": _add_time_left},
    records_arguments=False,
    lengthens_inner=("TimeFeatureWrapper",),
)
