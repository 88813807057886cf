"""The variables that can be hidden from a policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.errors import ArgumentError
from rltools.spaces import Features
from rltools.spaces.parts import without_lag

SUMMARY, FEATURES = "summary", "features"
Groups = str | Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Players:
    """The variables that can be hidden, each a player of the game whose outcome is the return.

    Attributes:
        names: one per player.
        positions: of each player's elements, int64 in row-major order.
        size: how many elements an encoded observation has.
    """

    names: tuple[str, ...]
    positions: tuple[np.ndarray, ...]
    size: int

    __repr__ = short_repr

    def mask(self, hidden: Sequence[int]) -> np.ndarray:
        """The elements of some players, bool `[element]`."""
        mask = np.zeros(self.size, bool)
        for player in hidden:
            mask[self.positions[player]] = True
        return mask


def find_players(features: Features, groups: Groups) -> Players:
    """The players of an observation.

    Args:
        features: of the encoded observation.
        groups: "summary": an element of a vector with all its lags, a choice, an entry of a Dict or Tuple, a region of
            an image. "features": every element, a choice and a region alike. Or `{name: [feature, ...]}`: these
            groups, and every other one as in "summary".

    Raises:
        ArgumentError: the groups are something else, a feature is in two of them, or there is nothing to hide.
        UnknownNameError: no feature has this name.
    """
    if not isinstance(groups, Mapping) and not (isinstance(groups, str) and groups in (SUMMARY, FEATURES)):
        raise ArgumentError(f"groups is {groups!r:.80}; it must be 'summary', 'features' or {{name: [feature, ...]}}")
    if isinstance(groups, Mapping):
        rows = _with_groups(features, _variables(features), groups)
    else:
        rows = _elements(features) if groups == FEATURES else _variables(features)
    if not rows:
        raise ArgumentError("the observation has no numbers or choices, so there is nothing to hide from the policy")
    return Players(tuple(name for name, _ in rows), tuple(positions for _, positions in rows), features.size)


Rows = list[tuple[str, np.ndarray]]


def _elements(features: Features) -> Rows:
    """Every element, choice and region; the channels and lags of a region are one."""
    return features.groups(merged=True, separated=("y", "x"))


def _variables(features: Features) -> Rows:
    """The same with the entries of a Dict or Tuple, and the lags of a feature, as one."""
    entries = {
        element: part.leaf.name
        for part in features.parts
        if features.is_nested and not part.is_image and part.leaf.kind != "choice"
        for element in range(part.start, part.stop)
    }
    merged: dict[str, list[np.ndarray]] = {}
    for name, positions in _elements(features):
        first = int(positions[0])
        variable = entries.get(first) or without_lag(name, int(features.lags[first]))
        merged.setdefault(variable, []).append(positions)
    return [(name, np.sort(np.concatenate(positions))) for name, positions in merged.items()]


def _with_groups(features: Features, rows: Rows, groups: Mapping[str, Any]) -> Rows:
    """The named groups, then the players that are in none of them."""
    by_name = dict(rows)
    members: Rows = []
    for name, names in groups.items():
        if isinstance(names, str) or not isinstance(names, Sequence) or not names:
            raise ArgumentError(f"the group {name!r:.80} is {names!r:.80}; it must be a list of names of features")
        positions = [
            by_name[member] if member in by_name else np.array([features.position(member)]) for member in names
        ]
        members.append((str(name), np.sort(np.concatenate(positions))))
    grouped = np.concatenate([positions for _, positions in members]) if members else np.zeros(0, np.int64)
    counts = np.bincount(grouped, minlength=features.size)
    if (counts > 1).any():
        raise ArgumentError(f"{features.names[int(counts.argmax())]!r} is in two groups; each feature is in one")
    rest = [(name, positions[counts[positions] == 0]) for name, positions in rows]
    players = members + [(name, positions) for name, positions in rest if len(positions)]
    names = [name for name, _ in players]
    if twice := [name for name, _ in members if names.count(name) > 1]:
        raise ArgumentError(f"the group {twice[0]!r} has the name of another feature, which is not in it; rename it")
    return players
