"""What the entries of an observation are called."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from rltools.errors import ArgumentError, UnknownNameError

if TYPE_CHECKING:
    from gymnasium import Space

    from rltools.cards import EnvironmentCard

IMAGE_REGIONS = 4
"""Images are summarised over a grid of this many regions a side."""


@dataclass(frozen=True)
class Features:
    """Names, units and shape of the entries of an encoded observation.

    Attributes:
        shape: of one encoded observation.
        dims: a name for each of its axes: ("feature",) for a vector, ("y", "x", "channel") for an image.
        given_names: one per entry in row-major order; empty where nothing names them (`names` then numbers them).
        units: one per entry, "" where there is none; empty where nothing says.
    """

    shape: tuple[int, ...]
    dims: tuple[str, ...] = ("feature",)
    given_names: tuple[str, ...] = ()
    units: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        size = self.size
        for what, given in (("names", self.given_names), ("units", self.units)):
            if given and len(given) != size:
                raise ArgumentError(
                    f"{len(given)} {what} for an observation of shape {self.shape}, which has {size} entries; "
                    f"give one for each entry"
                )
        if len(set(self.given_names)) < len(self.given_names):
            twice = sorted({name for name in self.given_names if self.given_names.count(name) > 1})
            raise ArgumentError(f"feature names must differ; given more than once: {', '.join(map(repr, twice))}")

    @property
    def size(self) -> int:
        """How many entries an encoded observation has."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def is_image(self) -> bool:
        """Whether the entries have a place in a picture."""
        return {"y", "x"} <= set(self.dims)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """One name per entry in row-major order: the given ones, else `obs[0]`, `obs[2, 5, 0]`."""
        if self.given_names:
            return self.given_names
        return tuple(f"obs[{', '.join(map(str, index))}]" for index in np.ndindex(self.shape))

    def label(self, position: int) -> str:
        """The name with its unit, for an axis: `x velocity (m/s)`."""
        unit = self.units[position] if self.units else ""
        return f"{self.names[position]} ({unit})" if unit else self.names[position]

    def position(self, name: str) -> int:
        """Where the entry of this name is, in row-major order.

        Raises:
            UnknownNameError: no entry has this name.
        """
        try:
            return self.names.index(name)
        except ValueError:
            close = difflib.get_close_matches(name, self.names, n=3) or list(self.names[:10])
            raise UnknownNameError(f"no feature {name!r}; there are {', '.join(map(repr, close))}") from None

    def unflatten(self, values: np.ndarray) -> np.ndarray:
        """`[..., size]` -> `[..., *shape]`."""
        return values.reshape(*values.shape[:-1], *self.shape)

    def groups(self) -> list[tuple[str, np.ndarray]]:
        """What a summary has a row for: each entry of a vector; each region and channel of an image.

        Returns:
            Pairs of a name and the row-major positions of the entries that belong to it.
        """
        if not self.is_image:
            return [(name, np.array([position])) for position, name in enumerate(self.names)]
        return _image_regions(self.shape, self.dims)

    def to_json(self) -> dict[str, Any]:
        """As `recording.json` keeps it."""
        return {
            "shape": list(self.shape),
            "dims": list(self.dims),
            "names": list(self.given_names),
            "units": list(self.units),
        }

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Features:
        """What `to_json` wrote."""
        return cls(tuple(entry["shape"]), tuple(entry["dims"]), tuple(entry["names"]), tuple(entry["units"]))


def _image_regions(shape: Sequence[int], dims: Sequence[str]) -> list[tuple[str, np.ndarray]]:
    places = np.arange(int(np.prod(shape))).reshape(shape)
    y_axis, x_axis = dims.index("y"), dims.index("x")
    channels = shape[dims.index("channel")] if "channel" in dims else 1
    found = []
    for rows in np.array_split(np.arange(shape[y_axis]), min(IMAGE_REGIONS, shape[y_axis])):
        for columns in np.array_split(np.arange(shape[x_axis]), min(IMAGE_REGIONS, shape[x_axis])):
            region = places.take(rows, y_axis).take(columns, x_axis)
            name = f"y {rows[0]}-{rows[-1]}, x {columns[0]}-{columns[-1]}"
            if channels == 1:
                found.append((name, region.ravel()))
                continue
            for channel in range(channels):
                entries = region.take(channel, dims.index("channel")).ravel()
                found.append((f"{name}, channel {channel}", entries))
    return found


def observation_features(space: Space[Any], card: EnvironmentCard | None = None) -> Features:
    """The features of a Box space: named by the environment's card where its counts agree, else numbered.

    Raises:
        ArgumentError: a space other than Box.
    """
    from gymnasium.spaces import Box

    if not isinstance(space, Box):
        raise ArgumentError(f"observations of {type(space).__name__} are not supported; they must be a Box: {space}")
    shape = tuple(int(length) for length in space.shape)
    if card is not None and len(card.observation) == int(np.prod(shape)):
        names = tuple(entry.name for entry in card.observation)
        units = tuple(entry.unit for entry in card.observation)
        return Features(shape, axis_names(shape), names, units)
    return Features(shape, axis_names(shape))


def axis_names(shape: Sequence[int]) -> tuple[str, ...]:
    """A name for each axis of an observation. In three dimensions the shortest one holds the channels.

    >>> axis_names((8,)), axis_names((96, 96, 3)), axis_names((4, 84, 84))
    (('feature',), ('y', 'x', 'channel'), ('channel', 'y', 'x'))
    """
    if len(shape) == 2:
        return ("y", "x")
    if len(shape) == 3:
        return ("channel", "y", "x") if shape[0] < shape[2] else ("y", "x", "channel")
    return ("feature",) if len(shape) == 1 else tuple(f"axis_{axis}" for axis in range(len(shape)))
