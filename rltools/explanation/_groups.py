"""Groups of features that are one player: taken away, or put back, together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rltools.attributions import Method
from rltools.errors import ArgumentError
from rltools.features import Features

SUMMARY = "summary"


def with_groups(method: Method, settings: dict[str, Any], features: Features) -> dict[str, Any]:
    """The settings as the method takes them: each group as the row-major positions of its entries.

    Groups are given as `{name: [feature, ...]}`, where a feature that is in none is a group of its own, or as
    "summary": what a summary has a row for, so each choice, and each region and channel of a picture.

    Raises:
        ArgumentError: groups that are neither, or a feature that is in two.
        UnknownNameError: no feature has a name that was given.
    """
    given = settings.get("groups")
    if "groups" not in method.defaults or given is None:
        return settings
    if given == SUMMARY:
        groups = [positions for _, positions in features.groups(merged=True)]
    elif isinstance(given, Mapping) and all(_is_names(members) for members in given.values()):
        there = {name: place for place, name in reversed(list(enumerate(features.names)))}  # of equal names the first
        groups = [
            np.array([there[name] if name in there else features.position(name) for name in members], np.int64)
            for members in given.values()
        ]
    else:
        raise ArgumentError(f"groups are {{name: [feature, ...]}} or {SUMMARY!r}, not {given!r}")
    taken = np.concatenate([np.zeros(0, np.int64), *groups])
    twice = [features.names[place] for place in np.flatnonzero(np.bincount(taken, minlength=features.size) > 1)]
    if twice or any(len(group) == 0 for group in groups):
        said = f"{twice[0]!r} is in two groups" if twice else "a group is empty"
        raise ArgumentError(f"{said}; each feature is in one group, and each group has at least one")
    alone = [np.array([place]) for place in np.setdiff1d(np.arange(features.size), taken)]
    return settings | {"groups": tuple(tuple(map(int, group)) for group in [*groups, *alone])}


def separated_axes(method: Method, settings: dict[str, Any], features: Features) -> tuple[str, ...]:
    """The axes of an image along which a method tells entries apart; () where these are all of them."""
    found = tuple(method.separates(features.dims, settings))
    return () if set(found) >= set(features.dims) else found


def _is_names(members: Any) -> bool:
    return isinstance(members, Sequence) and not isinstance(members, str) and all(isinstance(m, str) for m in members)
