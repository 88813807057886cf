"""Which bounds of a space bound something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from gymnasium.spaces import Box

LARGEST = 1e10
"""No quantity gets this far: a larger bound only means that some number had to be written."""


def bounds_of(space: Box) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest values of a Box, infinite where there is no bound: float64 `[*shape]` each.

    The largest number of a type is no bound either, and neither is one of `LARGEST` or more: measured against it,
    everything that happens would be 0.

    >>> from gymnasium.spaces import Box
    >>> bounds_of(Box(-1, np.finfo(np.float32).max, (1,)))
    (array([-1.]), array([inf]))
    """
    kind: np.dtype[Any] = np.dtype(space.dtype or np.float32)
    low, high = space.low.astype(np.float64), space.high.astype(np.float64)
    least, most = -LARGEST, LARGEST
    if kind.kind == "f":
        least, most = max(least, float(np.finfo(kind).min)), min(most, float(np.finfo(kind).max))
    elif kind.kind in "iu" and kind.itemsize > 2:  # bytes and the like do range over all of their type
        info = np.iinfo(kind)
        least, most = max(least, float(info.min)) if info.min else least, min(most, float(info.max))
    return np.where(low <= least, -np.inf, low), np.where(high >= most, np.inf, high)
