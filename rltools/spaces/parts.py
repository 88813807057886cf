"""A leaf of an observation as a piece of the encoded one."""

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
    """A leaf as a piece of the encoded observation: its numbers are `[start, stop)` in row-major order.

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
        """Whether its entries have a place in an image."""
        return is_image(self.dims)

    @property
    def stop(self) -> int:
        """Where the next one begins."""
        return self.start + prod(self.shape)

    def numbered(self) -> list[str]:
        """Names for its entries where nothing else names them."""
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
        """Of a picture: see `image_regions`."""
        return image_regions(self.shape, self.dims, self.channels, separated)

    def places(self) -> list[str]:
        """Each entry by its place on each axis: `y 3, x 5, red`."""
        of = list(zip(self.dims, self.shape, strict=True))
        return [
            ", ".join(axis_label(name, at, size, self.channels) for (name, size), at in zip(of, index, strict=True))
            for index in np.ndindex(self.shape)
        ]

    def choice_names(self) -> list[str]:
        """A name for each of its choices where nothing else names them."""
        name = self.leaf.name
        if not self.leaf.shape:
            return [name or "obs"]
        places = np.ndindex(self.leaf.shape)
        if name:
            return ["/".join([name, *map(str, index)]) for index in places]
        return [f"obs[{', '.join(map(str, index))}]" for index in places]


REGIONS = 4
"""A side; a picture is summarized over a grid of so many."""


def image_regions(
    shape: Sequence[int], dims: Sequence[str], channels: Sequence[str] = (), separated: Sequence[str] = ()
) -> list[tuple[str, np.ndarray]]:
    """A name, and the row-major positions of its entries, for each region and channel of a picture.

    Args:
        shape: of the picture.
        dims: names of its axes.
        channels: what each channel holds.
        separated: the axes along which regions are told apart; empty for all. Along others they are one.

    >>> [name for name, _ in image_regions((2, 1, 2), ("y", "x", "channel"), ("red", "green"))]
    ['y0 x0 red', 'y0 x0 green', 'y1 x0 red', 'y1 x0 green']
    """
    places = np.arange(prod(shape)).reshape(tuple(shape))
    y_axis, x_axis = dims.index("y"), dims.index("x")
    other = [axis for axis, name in enumerate(dims) if name not in ("y", "x") and name in (separated or dims)]
    found = []
    for rows in np.array_split(np.arange(shape[y_axis]), min(REGIONS, shape[y_axis])):
        for columns in np.array_split(np.arange(shape[x_axis]), min(REGIONS, shape[x_axis])):
            region = places.take(rows, y_axis).take(columns, x_axis)
            name = f"y{_span(rows)} x{_span(columns)}"
            lengths = [shape[axis] for axis in other]
            if prod(lengths) == 1:
                found.append((name, region.ravel()))
                continue
            for index in np.ndindex(*lengths):
                entries = region
                for axis, at in reversed(list(zip(other, index, strict=True))):
                    entries = entries.take(at, axis)
                # When it was comes last, as in the names of other entries: `y0-4 x0-5 red, 2 steps ago`.
                of = sorted(zip(other, index, strict=True), key=lambda pair: dims[pair[0]] == "lag")
                which = ", ".join(axis_label(dims[axis], at, shape[axis], channels) for axis, at in of)
                found.append((f"{name} {which}", entries.ravel()))
    return found


def _span(positions: np.ndarray) -> str:
    first, last = positions[0], positions[-1]
    return f"{first}-{last}" if last > first else f"{first}"


def axis_label(name: str, at: int, size: int, channels: Sequence[str] = ()) -> str:
    """What a position on an axis is called: the channel's own name, `2 steps ago`, else `y 3`.

    >>> axis_label("channel", 0, 3, ("red", "green", "blue")), axis_label("lag", 3, 4), axis_label("x", 7, 9)
    ('red', 'now', 'x 7')
    """
    if name == "channel" and len(channels) == size:
        return channels[at]
    if name == "lag":
        return ago(size - 1 - at)
    return f"{name} {at}"


def ago(steps: int) -> str:
    """When an observation of a stack was made.

    >>> ago(0), ago(1), ago(2)
    ('now', '1 step ago', '2 steps ago')
    """
    return "now" if steps == 0 else f"{steps} step{'s' if steps > 1 else ''} ago"
