"""The wrappers of sb3-contrib."""

from __future__ import annotations

import dataclasses
from typing import Any

from rltools.envs.names._named import Found
from rltools.envs.names._through_wrappers import Rule


def _with_time_left(wrapper: Any, inner: Found) -> Found:
    """One more entry: the share of the time limit that is left, from 1 down to 0."""
    path = () if () in inner else ("observation",)
    of = inner[path]
    unit = "" if wrapper._test_mode else f"{wrapper._max_steps} steps"
    longer = dataclasses.replace(
        of,
        names=(*of.entry_names(), "time left"),
        units=(*(of.units or ("",) * of.leaf.size), unit),
    )
    return inner | {path: longer}


RULES: dict[str, Rule] = {"TimeFeatureWrapper": _with_time_left}
