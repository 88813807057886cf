"""A leaf of an observation as a piece of the encoded one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from rltools.observations import Leaf
from rltools.regions import axis_label, image_regions
from rltools.short_repr import short_repr


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
        return [f"obs[{', '.join(map(str, index))}]" for index in np.ndindex(self.shape)]

    def regions(self) -> list[tuple[str, np.ndarray]]:
        """Of a picture: see `image_regions`."""
        return image_regions(self.shape, self.dims, self.channels)

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


def axis_names(shape: Sequence[int]) -> tuple[str, ...]:
    """A name for each axis of an array. In three dimensions the shortest one holds the channels.

    >>> axis_names((8,)), axis_names((96, 96, 3)), axis_names((4, 84, 84))
    (('feature',), ('y', 'x', 'channel'), ('channel', 'y', 'x'))
    """
    if len(shape) == 2:
        return ("y", "x")
    if len(shape) == 3:
        return ("channel", "y", "x") if shape[0] < shape[2] else ("y", "x", "channel")
    return ("feature",) if len(shape) == 1 else tuple(f"axis_{axis}" for axis in range(len(shape)))
