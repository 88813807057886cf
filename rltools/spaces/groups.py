"""Groups of features: what is explained, or hidden, together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rltools.errors import ArgumentError
from rltools.spaces._features import Features
from rltools.spaces.layout import Rows

CARD = "card"
"""`groups`, for those that the environment's card, or the environment itself, names."""


def resolved_groups(groups: Any, features: Features) -> Any:
    """The groups themselves in place of "card"; anything else as it is.

    Args:
        groups: as a caller gives them.
        features: of an observation; `features.named_groups` are those of the card, without what is not observed.

    Raises:
        ArgumentError: "card", and the features have no groups.
    """
    if not isinstance(groups, str) or groups != CARD:
        return groups
    find = _finder(features)
    present = {
        name: [member for member in members if find(member) is not None] for name, members in features.named_groups
    }
    groups = {name: members for name, members in present.items() if members}
    if not groups:
        raise ArgumentError(
            f"groups is {CARD!r}, and neither a card nor the environment groups its features; write them into the "
            f"card, groups: {{name: [feature, ...]}}, or give them: {{name: [feature, ...]}}"
        )
    return groups


def group_rows(features: Features, groups: Mapping[str, Sequence[str]]) -> Rows:
    """Each group with the row-major positions of its elements, int64.

    Args:
        features: of an observation.
        groups: by name, names of elements, of elements at every lag, of choices or their factors, of entries of a Dict,
            or of regions of an image.

    Raises:
        UnknownNameError: nothing has this name.

    Example:
        >>> from gymnasium.spaces import Box, Dict, Discrete
        >>> from rltools.spaces import space_features
        >>> features = space_features(Dict(pose=Box(-1, 1, (2,)), gear=Discrete(3)))
        >>> [(name, elements.tolist()) for name, elements in group_rows(features, {"all": ["pose/0", "gear"]})]
        [('all', [0, 2, 3, 4])]
    """
    find = _finder(features)

    def positions(member: str) -> np.ndarray:
        elements = find(member)
        return np.array([features.position(member)]) if elements is None else elements

    return [(str(name), np.concatenate([positions(member) for member in members])) for name, members in groups.items()]


def _finder(features: Features) -> Callable[[str], np.ndarray | None]:
    """From a name to the positions that have it, int64; None where nothing does."""
    elements = {
        name: position for position, name in reversed(list(enumerate(features.names)))
    }  # the first of equal names
    rows: dict[str, np.ndarray] = {}

    def find(name: str) -> np.ndarray | None:
        if name in elements:
            return np.array([elements[name]], np.int64)
        if not rows:
            rows.update((*features.variables("regions"), *features.variables()))
        return rows.get(name)

    return find
