"""Names the axes of an array, and so decides alone what counts as an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from gymnasium import Space
    from gymnasium.spaces import Box


SMALL, LARGE = 5, 28
"""Sides in elements: below the first, only uint8 counts as pixels; from the second on, any numbers of one range do."""
LEVELS = 256
"""The most values of an integer pixel (a brightness or a kind of cell); words and prices have more."""
BRIGHTNESS = ((0, 1), (0, 255))
"""Ranges of floating-point pixels."""
COLORS = (1, 3)
"""Numbers of channels of a gray and of a color image."""

_LAYOUTS: dict[int, dict[tuple[str, ...], int]] = {
    2: {("y", "x"): 0},
    3: {("y", "x", "channel"): 0, ("channel", "y", "x"): 1},
    # Frames stacked by Gymnasium and by MetaDrive, and frames with their channels first.
    4: {("lag", "y", "x", "channel"): 1, ("y", "x", "channel", "lag"): 0, ("lag", "channel", "y", "x"): 2},
}
"""Layouts of an image by its number of axes: the names of the axes, and the index of the first of y and x."""


def is_image(dims: Sequence[str]) -> bool:
    """Whether an array with these axes is an image."""
    return {"y", "x"} <= set(dims)


def element_axes(shape: Sequence[int]) -> tuple[str, ...]:
    """Names for the axes of an array that is not an image.

    >>> element_axes((8,)), element_axes((5, 30)), element_axes((2, 5, 30))
    (('feature',), ('row', 'column'), ('axis_0', 'axis_1', 'axis_2'))
    """
    named: dict[int, tuple[str, ...]] = {1: ("feature",), 2: ("row", "column")}
    return named.get(len(shape), tuple(f"axis_{axis}" for axis in range(len(shape))))


def image_axes(shape: Sequence[int]) -> tuple[str, ...]:
    """Names for the axes of an image of two to four axes, y and x being the longest; () for other arrays.

    >>> image_axes((96, 96, 3)), image_axes((4, 84, 84)), image_axes((2, 10, 10, 3))
    (('y', 'x', 'channel'), ('channel', 'y', 'x'), ('lag', 'y', 'x', 'channel'))
    """

    def likely(axes: tuple[str, ...]) -> tuple[int, bool, bool]:
        sizes = dict(zip(axes, shape, strict=True))
        return min(sizes["y"], sizes["x"]), sizes.get("channel") in COLORS, sizes["y"] == sizes["x"]

    return max(_LAYOUTS.get(len(shape), {}), key=likely, default=())


def space_axes(space: Space[Any]) -> tuple[str, ...]:
    """Names for the axes of a Box or MultiBinary, those of an image if its elements are pixels.

    They count as pixels if all positions share one range and it is the range of uint8; or if there is a channel axis
    and they are integers or range from 0 to 1 or 255; or if the array is large. Without bounds they do not.

    >>> from gymnasium.spaces import Box
    >>> space_axes(Box(0, 255, (84, 84), np.uint8)), space_axes(Box(-np.inf, np.inf, (5, 30)))
    (('y', 'x'), ('row', 'column'))
    """
    shape = tuple(space.shape or ())
    axes = image_axes(shape)
    return axes if axes and 0 not in shape and _are_pixels(space, axes) else element_axes(shape)


def _are_pixels(space: Any, axes: tuple[str, ...]) -> bool:
    zeros = np.zeros(space.shape)
    low, high = bounds_of(space) if hasattr(space, "low") else (zeros, zeros + 1)  # the bits of a MultiBinary
    spatial = tuple(index for index, axis in enumerate(axes) if axis != "channel")
    alike = all((bound == bound.max(axis=spatial, keepdims=True)).all() for bound in (low, high))
    if not alike or not (np.isfinite(low).all() and np.isfinite(high).all()):
        return False
    ranges = set(zip(low.ravel().tolist(), high.ravel().tolist(), strict=True))
    kind = np.dtype(space.dtype)
    side = min(space.shape[axes.index(axis)] for axis in ("y", "x"))
    if kind == np.uint8 and ("channel" in axes or ranges == {(0, 255)}):
        return True
    colored, bright = side >= SMALL and "channel" in axes, ranges <= set(BRIGHTNESS)
    if kind.kind in "biu":
        return colored or (side >= LARGE and all(top - least < LEVELS for least, top in ranges))
    return (side >= LARGE and (bright or "channel" in axes)) or (colored and bright)


LARGEST = 1e10
"""Bounds of this size or more are placeholders, not limits of a quantity."""


def bounds_of(space: Box) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest values of a Box, infinite if unbounded: float64 `[*shape]` each.

    The largest number of a dtype counts as unbounded, and so does a bound of `LARGEST` or more: relative to it every
    observed value would be 0.

    >>> from gymnasium.spaces import Box
    >>> bounds_of(Box(-1, np.finfo(np.float32).max, (1,)))
    (array([-1.]), array([inf]))
    """
    kind: np.dtype[Any] = np.dtype(space.dtype or np.float32)
    low, high = space.low.astype(np.float64), space.high.astype(np.float64)
    least, most = -LARGEST, LARGEST
    if kind.kind == "f":
        least, most = max(least, float(np.finfo(kind).min)), min(most, float(np.finfo(kind).max))
    elif kind.kind in "iu" and kind.itemsize > 2:  # 8- and 16-bit integers do use all of their range
        info = np.iinfo(kind)
        least, most = max(least, float(info.min)) if info.min else least, min(most, float(info.max))
    return np.where(low <= least, -np.inf, low), np.where(high >= most, np.inf, high)
