"""The wrappers of rltools itself that change what is observed."""

from __future__ import annotations

import dataclasses
from typing import Any

from rltools.envs.names._named import Found
from rltools.envs.names._through_wrappers import Rule


def _selected(wrapper: Any, inner: Found) -> Found:
    of = inner[()]
    return {
        (): dataclasses.replace(
            of,
            names=tuple(of.entry_names()[at] for at in wrapper.positions),
            units=tuple(of.units[at] for at in wrapper.positions) if of.units else (),
        )
    }


def _unchanged(wrapper: Any, inner: Found) -> Found:
    return inner


RULES: dict[str, Rule] = {"FrozenStatistics": _unchanged, "SelectFeatures": _selected}
