"""Names, units and shape of the entries of an encoded observation."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from rltools._util.short_repr import value_repr
from rltools.errors import ArgumentError, UnknownNameError
from rltools.spaces.axes import element_axes, image_axes, is_image
from rltools.spaces.leaves import Leaf, leaves, map_leaves, nest, pick
from rltools.spaces.parts import Part, ago

if TYPE_CHECKING:
    from gymnasium import Space


@dataclass(frozen=True)
class Features:
    """Names, units and shape of the entries of an encoded observation.

    An observation that is one array keeps its shape; the leaves of a Dict or Tuple become one flat vector, in their
    order, and `unflatten` gives each its shape back. Choices are one-hot: an entry for each value, 1 for the one that
    was seen.

    Attributes:
        shape: of one encoded observation.
        dims: a name for each of its axes: ("feature",) for a vector, ("y", "x", "channel") for an image,
            ("lag", "feature") for a stack of vectors, ("row", "column") for a table of quantities.
        given_names: one per entry in row-major order; empty where nothing names them (`names` then numbers them).
        units: one per entry, "" where there is none; empty where nothing says.
        leaves: the arrays of the observation; empty for one array of numbers.
        leaf_dims: the axes of each leaf, as `dims`; empty for those of quantities.
        choices: what is chosen, for each entry of each leaf that holds choices, in order; empty where nothing says.
        channels: what each channel of a picture holds, for each leaf, or for the one array; empty where nothing says.

    Example:
        >>> import rltools
        >>> features = rltools.Features((2,), given_names=("room temperature", "humidity"), units=("°C", "%"))
        >>> features.position("humidity"), features.label(0)
        (1, 'room temperature (°C)')
        >>> rltools.Features((2, 3)).names[:2]
        ('obs[0, 0]', 'obs[0, 1]')
    """

    shape: tuple[int, ...]
    dims: tuple[str, ...] = ("feature",)
    given_names: tuple[str, ...] = ()
    units: tuple[str, ...] = field(default=())
    leaves: tuple[Leaf, ...] = ()
    leaf_dims: tuple[tuple[str, ...], ...] = ()
    choices: tuple[str, ...] = ()
    channels: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.shape, tuple) or not all(hasattr(size, "__index__") for size in self.shape):
            raise ArgumentError(
                f"the shape of features is {self.shape!r:.80}; give a tuple of numbers, and names as given_names, for "
                f"instance Features((2,), given_names=('speed', 'height'))"
            )
        if self.dims == ("feature",) and len(self.shape) != 1:
            object.__setattr__(self, "dims", element_axes(self.shape))
        if len(self.dims) != len(self.shape):
            raise ArgumentError(
                f"{len(self.dims)} names of axes ({', '.join(self.dims)}) for observations of shape {self.shape}; give "
                f"one for each axis"
            )
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

    def __repr__(self) -> str:
        """The first names, or the axes where nothing names the entries."""
        if not self.given_names:
            return f"Features({list(self.shape)} as {', '.join(self.dims)})"
        first = ", ".join(map(value_repr, self.given_names[:4]))
        return f"Features({first}{f', ... {self.size} in all' if self.size > 4 else ''})"

    @property
    def size(self) -> int:
        """How many entries an encoded observation has."""
        return prod(self.shape)

    @property
    def is_image(self) -> bool:
        """Whether the entries have a place in a picture; a picture inside a Dict is one of its `parts`."""
        return is_image(self.dims)

    @property
    def has_images(self) -> bool:
        """Whether it is a picture, or a Dict or Tuple with one."""
        return any(part.is_image for part in self.parts)

    @property
    def is_nested(self) -> bool:
        """Whether an observation is a Dict or a Tuple."""
        return bool(self.leaves) and bool(self.leaves[0].path)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The arrays of an observation as pieces of the encoded one; those without numbers are left out."""
        channels = self.channels or ((),) * max(1, len(self.leaves))
        if not self.leaves:
            whole = Leaf((), "number", self.shape, "float32")
            return (Part(whole, 0, self.shape, self.dims, channels[0]),)
        dims = self.leaf_dims or tuple(leaf.plain_axes for leaf in self.leaves)
        if not self.is_nested:
            return (Part(self.leaves[0], 0, self.shape, self.dims),)
        starts = np.concatenate([[0], np.cumsum([leaf.size for leaf in self.leaves])])
        return tuple(
            Part(leaf, int(start), leaf.encoded_shape, axes, held)
            for leaf, start, axes, held in zip(self.leaves, starts[:-1], dims, channels, strict=True)
            if leaf.kind != "text"
        )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """One name per entry in row-major order: the given ones, else `obs[2, 5]`, `cell=5`, `camera/0/3`."""
        return self.given_names or tuple(name for part in self.parts for name in part.numbered())

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

    def encode(self, observations: Any) -> np.ndarray:
        """A batch of observations as the environment gives them -> `[batch, *shape]`, the numbers they become.

        Raises:
            MismatchError: a key is missing.
            ArgumentError: a choice that is none of its values.
        """
        if not self.leaves:
            return np.asarray(observations)
        parts = [part.leaf.encode(np.asarray(pick(observations, part.leaf))) for part in self.parts]
        if not self.is_nested:
            return parts[0].reshape(len(parts[0]), *self.shape)
        flat = [values.reshape(len(values), -1) for values in parts]
        return np.concatenate(flat, axis=1) if flat else np.zeros((_rows(observations, self.leaves), 0), np.float32)

    def unflatten(self, values: Any) -> Any:
        """`[..., *shape]`, or `[..., size]` -> the former; of a Dict or Tuple a structure like it.

        Arrays and tensors alike; leaves without numbers are left out.
        """
        lead = values.shape[: -len(self.shape)] if self._ends_with_shape(values) else values.shape[:-1]
        if not self.is_nested:
            return values.reshape(*lead, *self.shape)
        return nest(
            [(part.leaf, values[..., part.start : part.stop].reshape(*lead, *part.shape)) for part in self.parts]
        )

    def _ends_with_shape(self, values: Any) -> bool:
        return bool(self.shape) and tuple(values.shape[-len(self.shape) :]) == self.shape

    def groups(self, *, merged: bool = False, separated: Sequence[str] = ()) -> list[tuple[str, np.ndarray]]:
        """What a summary has a row for: each entry of a vector; each region and channel of an image.

        Args:
            merged: a choice as one row, the sum of its one-hot entries, instead of one for each of its values.
            separated: of an image the axes along which there are rows; empty for all.

        Returns:
            Pairs of a name and the row-major positions of the entries that belong to it.
        """
        found: list[tuple[str, np.ndarray]] = []
        for part in self.parts:
            if part.is_image:
                prefix = f"{part.leaf.name}: " if part.leaf.name else ""
                found += [(prefix + name, part.start + at) for name, at in part.regions(separated)]
            elif merged and part.leaf.kind == "choice" and part.shape == part.leaf.encoded_shape:
                found += self._merged(part)
            else:
                places = np.arange(part.start, part.stop)
                found += [(self.names[place], np.array([place])) for place in places]
        return found

    def _merged(self, part: Part) -> list[tuple[str, np.ndarray]]:
        """A row for each choice of a leaf."""
        choices = [choice for other in self.parts if other.leaf.kind == "choice" for choice in other.choice_names()]
        before = sum(len(other.leaf.sizes) for other in self.parts if other.start < part.start)
        names = self.choices or tuple(choices)
        ends = part.start + np.cumsum(part.leaf.sizes)
        return [
            (names[before + at], np.arange(end - size, end))
            for at, (end, size) in enumerate(zip(ends, part.leaf.sizes, strict=True))
        ]

    def windowed(self, lags: int) -> Features:
        """The features of so many observations in a row, the last one last, as one input `[lag, *feature]`."""
        when = [ago(lags - 1 - lag) for lag in range(lags)]
        return Features(
            (lags, *self.shape),
            ("lag", *self.dims),
            tuple(f"{name}, {then}" for then in when for name in self.names),
            self.units * lags,
            channels=() if self.leaves else self.channels,
        )

    def to_json(self) -> dict[str, Any]:
        """As `recording.json` keeps it."""
        plain: dict[str, Any] = {
            "shape": list(self.shape),
            "dims": list(self.dims),
            "names": list(self.given_names),
            "units": list(self.units),
        }
        if self.channels:
            plain["channels"] = [list(held) for held in self.channels]
        if self.leaves:
            plain["leaves"] = [leaf.to_json() for leaf in self.leaves]
            plain |= {"leaf_dims": [list(dims) for dims in self.leaf_dims], "choices": list(self.choices)}
        return plain

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Features:
        """What `to_json` wrote."""
        shape = tuple(entry["shape"])
        kept = tuple(Leaf.from_json(leaf) for leaf in entry.get("leaves", ()))
        return cls(
            shape,
            tuple(entry["dims"]),
            tuple(entry["names"]),
            tuple(entry["units"]),
            kept,
            tuple(tuple(dims) for dims in entry.get("leaf_dims", ())) or _older_axes(kept),
            tuple(entry.get("choices", ())),
            tuple(tuple(held) for held in entry.get("channels", ())),
        )


def _older_axes(kept: Sequence[Leaf]) -> tuple[tuple[str, ...], ...]:
    """The axes of the leaves of a Dict in files that do not say: what had two or three was an image."""
    older = [leaf.encoded_shape for leaf in kept if leaf.path]
    return tuple((image_axes(shape) if len(shape) < 4 else ()) or element_axes(shape) for shape in older)


def _rows(observations: Any, of: Sequence[Leaf]) -> int:
    counts: list[int] = []
    map_leaves(lambda _, value: counts.append(len(value)), observations, of)
    return counts[0] if counts else 0


def space_features(space: Space[Any]) -> Features:
    """The features of a space, numbered.

    Raises:
        ArgumentError: a space that is not supported.

    >>> from gymnasium.spaces import Box, Dict, Discrete
    >>> space_features(Dict(camera=Box(0, 255, (1, 2)), cell=Discrete(3))).names
    ('camera/0/0', 'camera/0/1', 'cell=0', 'cell=1', 'cell=2')
    """
    found = leaves(space)
    if len(found) == 1 and not found[0].path:
        (leaf,) = found
        shape = leaf.encoded_shape
        return Features(shape, leaf.plain_axes, leaves=() if leaf.kind == "number" else found)
    dims = tuple(leaf.plain_axes if leaf.kind != "text" else () for leaf in found)
    return Features((sum(leaf.size for leaf in found),), ("feature",), leaves=found, leaf_dims=dims)
