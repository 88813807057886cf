"""The variables of an observation, from coarse to fine: what is ranked, and what is replaced together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from rltools.errors import ArgumentError
from rltools.spaces.layout import Layout, Rows
from rltools.spaces.parts import without_lag

Detail = Literal["variables", "regions", "elements"]
"""How fine the rows of an observation are, the coarsest first."""
DETAILS: tuple[Detail, ...] = get_args(Detail)


def check_detail(detail: object, allowed: Sequence[str] = DETAILS) -> None:
    """Refuse an unknown detail.

    Raises:
        ArgumentError: it is none of those allowed.
    """
    if detail not in allowed:
        raise ArgumentError(
            f"detail is {detail!r:.80}; it must be {', '.join(map(repr, allowed[:-1]))} or {allowed[-1]!r}"
        )


def rows_of(features: Layout, detail: Detail = "variables", separated: Sequence[str] = ()) -> Rows:
    """The rows of an observation at a level of detail. Each element is in one row.

    Args:
        features: of the encoded observation.
        detail: "variables": an element of a vector, a choice, an entry of a Dict or Tuple as a whole. Where that is a
            single one that has regions or elements, these are the variables. "regions": inside them, the regions of
            images, with all their channels, and the elements of vectors. "elements": the finest, each channel of a
            region, each value of a choice and each lag. All lags of a feature are one row but for "elements".
        separated: the axes of an image along which elements are told apart; empty for all.

    Raises:
        ArgumentError: there is no such detail.

    Example:
        >>> from gymnasium.spaces import Box, Dict, Discrete
        >>> from rltools.spaces import space_features
        >>> features = space_features(Dict(pose=Box(-1, 1, (2,)), gear=Discrete(3)))
        >>> {name: elements.tolist() for name, elements in rows_of(features)}
        {'pose': [0, 1], 'gear': [2, 3, 4]}
        >>> [name for name, _ in rows_of(features, "regions")]
        ['pose/0', 'pose/1', 'gear']
        >>> [name for name, _ in rows_of(features, "elements")]
        ['pose/0', 'pose/1', 'gear=0', 'gear=1', 'gear=2']
    """
    check_detail(detail)
    if detail == "elements":
        return features.groups(separated=separated)
    if features.observation is not None:
        rows = rows_of(features.observation, detail, separated)
        return over_lags(rows, features.observation.size, features.shape[0])
    inside = _merged(features, features.groups(merged=True, separated=("y", "x")), {})
    if detail == "regions" or not features.is_nested:
        return inside
    entries = {
        element: part.leaf.name
        for part in features.parts
        if part.leaf.kind != "choice"
        for element in range(part.start, part.stop)
    }
    whole = _merged(features, inside, entries)
    return whole if len(whole) > 1 else inside


def _merged(features: Layout, rows: Rows, entries: dict[int, str]) -> Rows:
    """Rows with those of one entry, and the lags of one feature, as one."""
    merged: dict[str, list[np.ndarray]] = {}
    for name, positions in rows:
        first = int(positions[0])
        variable = entries.get(first) or without_lag(name, int(features.lags[first]))
        merged.setdefault(variable, []).append(positions)
    return [(name, np.sort(np.concatenate(positions))) for name, positions in merged.items()]


def over_lags(rows: Rows, size: int, lags: int) -> Rows:
    """The rows of an observation as rows of a window of observations: each with its elements of every lag.

    Args:
        rows: of an observation.
        size: how many elements it has.
        lags: how many observations the window has.

    >>> [(name, elements.tolist()) for name, elements in over_lags([("speed", np.array([1]))], 3, 2)]
    [('speed', [1, 4])]
    """
    starts = np.arange(lags)[:, None] * size
    return [(name, (starts + np.asarray(elements, np.int64)).reshape(-1)) for name, elements in rows]
