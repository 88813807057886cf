"""An array of an observation as a slice of the encoded observation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.spaces.axes import is_image
from rltools.spaces.leaves import Leaf


@dataclass(frozen=True)
class Part:
    """A leaf as a slice of the encoded observation: its elements are `[start, stop)` in row-major order.

    Attributes:
        leaf: the array.
        start: position of its first element.
        shape: of its encoding.
        dims: a name for each of its axes.
        channels: what each channel of an image holds; empty if unknown.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("minigrid-dict-ppo")
        >>> [(part.leaf.name, part.shape, part.dims) for part in policy.features.parts]
        [('direction', (4,), ('feature',)), ('image', (42, 42, 3), ('y', 'x', 'channel'))]
    """

    leaf: Leaf
    start: int
    shape: tuple[int, ...]
    dims: tuple[str, ...]
    channels: tuple[str, ...] = ()

    __repr__ = short_repr

    @property
    def is_image(self) -> bool:
        """Whether its elements have a position in an image."""
        return is_image(self.dims)

    @property
    def stop(self) -> int:
        """Position after its last element."""
        return self.start + prod(self.shape)

    def lags(self) -> np.ndarray:
        """How many steps ago each element was observed, by the axes called "lag": int64 `[element]`, 0 for now."""
        lags = np.zeros(self.shape, np.int64)
        for axis, name in enumerate(self.dims):
            if name == "lag":
                steps = np.arange(self.shape[axis])[::-1]
                lags += steps.reshape([-1 if axis == other else 1 for other in range(len(self.shape))])
        return lags.reshape(-1)

    def numbered(self) -> list[str]:
        """Names for its elements if nothing else names them: `obs[2, 5]`, `cell=5`, `camera/0/3`."""
        name = self.leaf.name
        if self.leaf.kind == "choice" and self.shape == self.leaf.encoded_shape:
            return [
                f"{choice}={start + value}"
                for choice, size, start in zip(self.choice_names(), self.leaf.sizes, self.leaf.starts, strict=True)
                for value in range(size)
            ]
        if name:
            return ["/".join([name, *map(str, index)]) for index in np.ndindex(self.shape)]
        if not self.shape:
            return ["obs"]
        return [f"obs[{', '.join(map(str, index))}]" for index in np.ndindex(self.shape)]

    def regions(self, separated: Sequence[str] = ()) -> list[tuple[str, np.ndarray]]:
        """The regions of an image; see `image_regions`."""
        return image_regions(self.shape, self.dims, self.channels, separated)

    def coordinates(self) -> list[str]:
        """Each element by its position along each axis: `y 3, x 5, red`."""
        axes = list(zip(self.dims, self.shape, strict=True))
        return [
            ", ".join(
                axis_label(name, position, size, self.channels)
                for (name, size), position in zip(axes, index, strict=True)
            )
            for index in np.ndindex(self.shape)
        ]

    def choice_names(self) -> list[str]:
        """A name for each of its choices if nothing else names them."""
        name = self.leaf.name
        if not self.leaf.shape:
            return [name or "obs"]
        indices = np.ndindex(self.leaf.shape)
        if name:
            return ["/".join([name, *map(str, index)]) for index in indices]
        return [f"obs[{', '.join(map(str, index))}]" for index in indices]


REGIONS = 4
"""Regions along each side of the grid over which an image is summarized."""


def image_regions(
    shape: Sequence[int], dims: Sequence[str], channels: Sequence[str] = (), separated: Sequence[str] = ()
) -> list[tuple[str, np.ndarray]]:
    """The regions of an image: for each region and channel a name and the row-major positions of its elements.

    Args:
        shape: of the image.
        dims: names of its axes.
        channels: what each channel holds.
        separated: axes along which regions are told apart; empty for all. Along the others they are pooled.

    >>> [name for name, _ in image_regions((2, 1, 2), ("y", "x", "channel"), ("red", "green"))]
    ['y0 x0 red', 'y0 x0 green', 'y1 x0 red', 'y1 x0 green']
    """
    elements = np.arange(prod(shape)).reshape(tuple(shape))
    y_axis, x_axis = dims.index("y"), dims.index("x")
    split = [axis for axis, name in enumerate(dims) if name not in ("y", "x") and name in (separated or dims)]
    regions = []
    for rows in np.array_split(np.arange(shape[y_axis]), min(REGIONS, shape[y_axis])):
        for columns in np.array_split(np.arange(shape[x_axis]), min(REGIONS, shape[x_axis])):
            region = elements.take(rows, y_axis).take(columns, x_axis)
            name = f"y{_span(rows)} x{_span(columns)}"
            lengths = [shape[axis] for axis in split]
            if prod(lengths) == 1:
                regions.append((name, region.ravel()))
                continue
            for index in np.ndindex(*lengths):
                slab = region
                for axis, position in reversed(list(zip(split, index, strict=True))):
                    slab = slab.take(position, axis)
                # The lag comes last, as in the names of other elements: `y0-4 x0-5 red, 2 steps ago`.
                pairs = sorted(zip(split, index, strict=True), key=lambda pair: dims[pair[0]] == "lag")
                labels = [axis_label(dims[axis], position, shape[axis], channels) for axis, position in pairs]
                regions.append((f"{name} {', '.join(labels)}", slab.ravel()))
    return regions


def _span(positions: np.ndarray) -> str:
    first, last = positions[0], positions[-1]
    return f"{first}-{last}" if last > first else f"{first}"


def axis_label(name: str, position: int, size: int, channels: Sequence[str] = ()) -> str:
    """The name of a position on an axis: the channel's own name, `2 steps ago`, else `y 3`.

    >>> axis_label("channel", 0, 3, ("red", "green", "blue")), axis_label("lag", 3, 4), axis_label("x", 7, 9)
    ('red', 'now', 'x 7')
    """
    if name == "channel" and len(channels) == size:
        return channels[position]
    if name == "lag":
        return ago(size - 1 - position)
    return f"{name} {position}"


def ago(lag: int) -> str:
    """A lag in words.

    >>> ago(0), ago(1), ago(2)
    ('now', '1 step ago', '2 steps ago')
    """
    return "now" if lag == 0 else f"{lag} step{'s' if lag > 1 else ''} ago"


def with_lag(name: str, lag: int) -> str:
    """The name of an element observed `lag` steps ago.

    >>> with_lag("pole angle", 2)
    'pole angle, 2 steps ago'
    """
    return f"{name}, {ago(lag)}"


def without_lag(name: str, lag: int) -> str:
    """The name of an element or a region without its lag, which the caller knows from `Features.lags`.

    >>> without_lag("pole angle, 2 steps ago", 2), without_lag("y0 x0 now", 0), without_lag("speed", 1)
    ('pole angle', 'y0 x0', 'speed')
    """
    words = ago(lag)
    return name.removesuffix(f", {words}").removesuffix(f" {words}")
