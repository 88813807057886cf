"""The variables that can be hidden from a policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rltools._util.discovery import unknown_name
from rltools._util.short_repr import short_repr
from rltools.errors import ArgumentError
from rltools.recording.attribution import VARIABLES
from rltools.spaces import Features
from rltools.spaces.factors import decode, encode
from rltools.spaces.groups import group_rows, resolved_groups
from rltools.spaces.layout import Rows
from rltools.spaces.variables import DETAILS

FEATURES, OLDER = "features", "summary"
"""`groups`, beside `VARIABLES`; the older name is that of files in which an image in a Dict was hidden by regions."""
Groups = str | Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Players:
    """The variables that can be hidden, each a player of the game whose outcome is the return.

    Attributes:
        names: one per player.
        positions: of each player's elements, int64 in row-major order, in an encoded observation whose choices are
            decoded into their factors.
        features: of the encoded observation.
    """

    names: tuple[str, ...]
    positions: tuple[np.ndarray, ...]
    features: Features

    __repr__ = short_repr

    @property
    def size(self) -> int:
        """How many elements a decoded observation has."""
        return self.features.decoded.size

    def mask(self, hidden: Sequence[int]) -> np.ndarray:
        """The elements of some players, bool `[element]`."""
        mask = np.zeros(self.size, bool)
        for player in hidden:
            mask[self.positions[player]] = True
        return mask

    def decode(self, x: np.ndarray) -> np.ndarray:
        """Encoded observations `[row, *feature]` -> decoded ones `[row, element]`."""
        decoded: np.ndarray = decode(self.features, x).reshape(len(x), self.size)
        return decoded

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Decoded observations `[row, element]` -> encoded ones `[row, *feature]`."""
        encoded: np.ndarray = encode(self.features, x).reshape(len(x), *self.features.shape)
        return encoded


def find_players(features: Features, groups: Groups) -> Players:
    """The players of an observation: the variables that a summary ranks, under the same names.

    Args:
        features: of the encoded observation.
        groups: "variables": an element of a vector with all its lags, a choice or each factor that a card decodes it
            to, an entry of a Dict or Tuple, a region of an observation that is an image alone. "features": every
            element, a choice or factor and a region alike. Or `{name: [feature, ...]}`: these groups, and every other
            one as in "variables". "card": the groups of the environment's card, and every other one as in "variables".

    Raises:
        ArgumentError: the groups are something else, a feature is in two of them, or there is nothing to hide.
        UnknownNameError: no feature has this name.
    """
    groups = resolved_groups(groups, features.decoded)
    if not isinstance(groups, Mapping) and not (isinstance(groups, str) and groups in (VARIABLES, FEATURES)):
        raise ArgumentError(
            f"groups is {groups!r:.80}; it must be 'variables', 'features', 'card' or {{name: [feature, ...]}}"
        )
    decoded = features.decoded
    if isinstance(groups, Mapping):
        rows = _with_groups(decoded, decoded.variables(), groups)
    elif groups == FEATURES:  # the channels and lags of a region are one
        rows = decoded.groups(merged=True, separated=("y", "x"))
    else:
        rows = decoded.variables()
    if not rows:
        raise ArgumentError("the observation has no numbers or choices, so there is nothing to hide from the policy")
    return Players(tuple(name for name, _ in rows), tuple(positions for _, positions in rows), features)


def players_named(features: Features, names: Sequence[str]) -> Players:
    """The players with these names, at whatever level of detail; for older files.

    Raises:
        UnknownNameError: there is none of a name.
    """
    by_name = {name: elements for detail in DETAILS for name, elements in features.decoded.variables(detail)}
    for name in names:
        if name not in by_name:
            raise unknown_name("player", name, by_name)
    return Players(tuple(names), tuple(by_name[name] for name in names), features)


def _with_groups(features: Features, rows: Rows, groups: Mapping[str, Any]) -> Rows:
    """The named groups, then the players that are in none of them."""
    by_name = dict(rows)
    members: Rows = []
    for name, names in groups.items():
        if isinstance(names, str) or not isinstance(names, Sequence) or not names:
            raise ArgumentError(f"the group {name!r:.80} is {names!r:.80}; it must be a list of names of features")
        positions = [
            by_name[member] if member in by_name else group_rows(features, {"": [member]})[0][1] for member in names
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
