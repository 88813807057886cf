"""A leaf of an observation as a piece of the encoded one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from rltools.axes import is_image
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
