"""Features: names, units, shape, lag and leaf of the elements of an encoded observation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from rltools._util.short_repr import value_repr
from rltools._util.text import nearest_names
from rltools.errors import ArgumentError, UnknownNameError
from rltools.spaces._features_json import features_from_json, features_to_json, older_lags
from rltools.spaces.axes import element_axes, is_image
from rltools.spaces.factors import decoded_leaves
from rltools.spaces.layout import Factor, Objects, Rows
from rltools.spaces.leaves import Leaf, leaves, map_leaves, nest, pick
from rltools.spaces.parts import Part, with_lag
from rltools.spaces.variables import Detail, rows_of

if TYPE_CHECKING:
    from gymnasium import Space


@dataclass(frozen=True)
class Features:
    """The elements of an encoded observation: their names, units, shape, lag and leaf.

    An observation that is one array keeps its shape. The leaves of a Dict or Tuple are concatenated into one flat
    vector, in their order, and `unflatten` restores each leaf's shape. Choices are one-hot.

    Attributes:
        shape: of one encoded observation.
        dims: a name for each of its axes: ("feature",) for a vector, ("y", "x", "channel") for an image,
            ("lag", "feature") for a stack of vectors, ("row", "column") for a table of quantities.
        given_names: one per element in row-major order; empty if unnamed (`names` then numbers them).
        units: one per element, "" for none; empty if unknown.
        leaves: the arrays of the observation; empty for a single array of numbers.
        leaf_dims: the axes of each leaf, as `dims`; empty if they follow from the leaf.
        choices: a name for each choice of each leaf, in order; empty if unknown.
        channels: what each channel of an image holds, for each leaf or for the single array; empty if unknown.
        given_lags: steps ago, one per element in row-major order, if no axis is called "lag", as in a flattened stack;
            empty otherwise. Read `lags`.
        given_leaf_names: the name of the leaf each element comes from, one per element, if `leaves` does not tell, as
            in a flattened Dict; empty otherwise. Read `leaf_names`.
        factors: of each choice, in order, the factors that its values combine; empty for a choice, or for all, without.
        objects: what the codes in the cells of each leaf's image mean, as `channels`; empty if unknown.
        observation: the features of each observation in a window; None for a single observation.
        origins: where the name of each element is from, a phrase that completes "named by", one per element; "" where
            it is numbered, and empty if nothing is named.
        named_groups: groups of features by name, as the environment's card or the environment itself has them; see
            `rltools.spaces.groups`.

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
    # Not compared: older recordings lack them, and are continued all the same.
    given_lags: tuple[int, ...] = field(default=(), compare=False)
    given_leaf_names: tuple[str, ...] = field(default=(), compare=False)
    factors: tuple[tuple[Factor, ...], ...] = field(default=(), compare=False)
    objects: tuple[Objects | None, ...] = field(default=(), compare=False)
    observation: Features | None = field(default=None, compare=False)
    origins: tuple[str, ...] = field(default=(), compare=False)
    named_groups: tuple[tuple[str, tuple[str, ...]], ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.shape, tuple) or not all(hasattr(size, "__index__") for size in self.shape):
            raise ArgumentError(
                f"the shape of features is {self.shape!r:.80}; give a tuple of integers, and names as given_names, for "
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
        per_element = {
            "names": self.given_names,
            "units": self.units,
            "lags": self.given_lags,
            "names of leaves": self.given_leaf_names,
            "origins": self.origins,
        }
        for kind, values in per_element.items():
            if values and len(values) != size:
                raise ArgumentError(
                    f"{len(values)} {kind} for an observation of shape {self.shape}, which has {size} elements; "
                    f"give one for each element"
                )
        if len(set(self.given_names)) < len(self.given_names):
            duplicates = sorted({name for name in self.given_names if self.given_names.count(name) > 1})
            raise ArgumentError(f"feature names must differ; given more than once: {', '.join(map(repr, duplicates))}")

    def __repr__(self) -> str:
        """The first names, or the axes if the elements are unnamed."""
        if not self.given_names:
            return f"Features({list(self.shape)} as {', '.join(self.dims)})"
        first = ", ".join(map(value_repr, self.given_names[:4]))
        return f"Features({first}{f', ... {self.size} in all' if self.size > 4 else ''})"

    @property
    def size(self) -> int:
        """How many elements an encoded observation has."""
        return prod(self.shape)

    @property
    def is_image(self) -> bool:
        """Whether the observation is an image; an image inside a Dict is one of its `parts`."""
        return is_image(self.dims)

    @property
    def has_images(self) -> bool:
        """Whether the observation is an image, or a Dict or Tuple with one."""
        return any(part.is_image for part in self.parts)

    @property
    def is_nested(self) -> bool:
        """Whether the observation is a Dict or a Tuple."""
        return bool(self.leaves) and bool(self.leaves[0].path)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The arrays of the observation as slices of the encoded one; texts are left out."""
        channels = self.channels or ((),) * max(1, len(self.leaves))
        if not self.leaves:
            array = Leaf((), "number", self.shape, "float32")
            return (Part(array, 0, self.shape, self.dims, channels[0]),)
        dims = self.leaf_dims or tuple(leaf.plain_axes for leaf in self.leaves)
        if not self.is_nested:
            return (Part(self.leaves[0], 0, self.shape, self.dims),)
        starts = np.concatenate([[0], np.cumsum([leaf.size for leaf in self.leaves])])
        return tuple(
            Part(leaf, int(start), leaf.encoded_shape, axes, names)
            for leaf, start, axes, names in zip(self.leaves, starts[:-1], dims, channels, strict=True)
            if leaf.kind != "text"
        )

    @property
    def part_objects(self) -> tuple[Objects | None, ...]:
        """What the codes in the cells of each of the `parts` mean; None for one that is no image of objects."""
        if not self.objects:
            return (None,) * len(self.parts)
        if not self.is_nested:
            return self.objects[:1]
        numbers = zip(self.leaves, self.objects, strict=True)
        return tuple(objects for leaf, objects in numbers if leaf.kind != "text")

    @cached_property
    def choice_slices(self) -> frozenset[tuple[int, int]]:
        """Start and stop of the elements of each choice."""
        ends = {
            part.start: np.cumsum([0, *part.leaf.sizes])
            for part in self.parts
            if part.leaf.kind == "choice" and part.shape == part.leaf.encoded_shape
        }
        return frozenset(
            (int(start + first), int(start + stop)) for start, end in ends.items() for first, stop in pairwise(end)
        )

    @cached_property
    def decoded(self) -> Features:
        """The features with choices decoded into their factors; the same object if there are none."""
        if not any(self.factors):
            return self
        leaves, names, choices = decoded_leaves(self)
        return replace(
            self,
            shape=(sum(leaf.size for leaf in leaves),),
            given_names=names,
            units=(),
            leaves=leaves,
            choices=choices,
            given_lags=(),
            factors=(),
            origins=(),
        )

    def variables(self, detail: Detail = "variables") -> Rows:
        """What is ranked, and replaced together, at a level of detail; see `rltools.spaces.variables`."""
        return rows_of(self, detail)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """One name per element in row-major order: the given ones, else `obs[2, 5]`, `cell=5`, `camera/0/3`."""
        return self.given_names or tuple(name for part in self.parts for name in part.numbered())

    @cached_property
    def lags(self) -> np.ndarray:
        """How many steps ago each element was observed: int64 `[element]` in row-major order, 0 for now."""
        lags = np.zeros(self.size, np.int64)
        for part in self.parts:
            lags[part.start : part.stop] = part.lags()
        if self.given_lags:
            lags[:] = self.given_lags
        lags.setflags(write=False)
        return lags

    @cached_property
    def leaf_names(self) -> tuple[str, ...]:
        """The name of the leaf each element comes from, in row-major order; "" if the observation is one array."""
        return self.given_leaf_names or tuple(part.leaf.name for part in self.parts for _ in range(prod(part.shape)))

    def label(self, position: int) -> str:
        """The name with its unit, as an axis label: `x velocity (m/s)`."""
        unit = self.units[position] if self.units else ""
        return f"{self.names[position]} ({unit})" if unit else self.names[position]

    def position(self, name: str) -> int:
        """The position of the element of this name, in row-major order.

        Raises:
            UnknownNameError: no element has this name.
        """
        try:
            return self.names.index(name)
        except ValueError:
            near = nearest_names(name, self.names)
            more = f" and {len(self.names) - LISTED} more" if len(self.names) > LISTED else ""
            hint = (
                f"did you mean {' or '.join(map(repr, near))}?"
                if near
                else f"there are {', '.join(map(repr, self.names[:LISTED]))}{more}"
            )
            raise UnknownNameError(f"no feature {name!r}; {hint}") from None

    def encode(self, observations: Any) -> np.ndarray:
        """Encode a batch of observations, as the environment returns them, to `[batch, *shape]`.

        Raises:
            MismatchError: a key is missing.
            ArgumentError: a choice that is out of its range.
        """
        if not self.leaves:
            return np.asarray(observations)
        parts = [part.leaf.encode(np.asarray(pick(observations, part.leaf))) for part in self.parts]
        if not self.is_nested:
            return parts[0].reshape(len(parts[0]), *self.shape)
        flat = [values.reshape(len(values), -1) for values in parts]
        return np.concatenate(flat, axis=1) if flat else np.zeros((_rows(observations, self.leaves), 0), np.float32)

    def unflatten(self, values: Any) -> Any:
        """Restore the shape of encoded values: `[..., size]` or `[..., *shape]` -> `[..., *shape]`.

        For a Dict or Tuple the result is nested like the observation, without its texts. Takes arrays and tensors.
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
        """The rows of a summary: one per element of a vector, one per region and channel of an image.

        Args:
            merged: make a choice one row, the sum of its one-hot elements, instead of one row per value.
            separated: the axes of an image along which rows are separate; empty for all.

        Returns:
            Pairs of a name and the row-major positions of its elements.
        """
        rows: list[tuple[str, np.ndarray]] = []
        for part in self.parts:
            if part.is_image:
                prefix = f"{part.leaf.name}: " if part.leaf.name else ""
                rows += [(prefix + name, part.start + elements) for name, elements in part.regions(separated)]
            elif merged and part.leaf.kind == "choice" and part.shape == part.leaf.encoded_shape:
                rows += self._merged(part)
            else:
                rows += [(self.names[position], np.array([position])) for position in range(part.start, part.stop)]
        return rows

    def _merged(self, part: Part) -> list[tuple[str, np.ndarray]]:
        """A row for each choice of a leaf."""
        choices = [choice for other in self.parts if other.leaf.kind == "choice" for choice in other.choice_names()]
        before = sum(len(other.leaf.sizes) for other in self.parts if other.start < part.start)
        names = self.choices or tuple(choices)
        stops = part.start + np.cumsum(part.leaf.sizes)
        return [
            (names[before + index], np.arange(stop - size, stop))
            for index, (stop, size) in enumerate(zip(stops, part.leaf.sizes, strict=True))
        ]

    def windowed(self, lags: int) -> Features:
        """The features of a window `[lag, *feature]` of that many observations, the latest last."""
        steps = range(lags - 1, -1, -1)
        return Features(
            (lags, *self.shape),
            ("lag", *self.dims),
            tuple(with_lag(name, lag) for lag in steps for name in self.names),
            self.units * lags,
            channels=() if self.leaves else self.channels,
            given_lags=tuple(lag + inner for lag in steps for inner in self.lags.tolist()) if self.lags.any() else (),
            given_leaf_names=self.leaf_names * lags if self.is_nested or self.given_leaf_names else (),
            observation=self,
            named_groups=self.named_groups,
        )

    def to_json(self) -> dict[str, Any]:
        """The entry "features" of `recording.json`; what follows from other keys is left out."""
        return features_to_json(self)

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Features:
        """The features that `to_json` wrote, in this version or an older one."""
        features = cls(**features_from_json(entry))
        if "lags" in entry:
            return features
        lags = older_lags(features.given_names, features.lags)
        return replace(features, given_lags=lags) if lags else features


LISTED = 10
"""The most features that an error lists."""


def _rows(observations: Any, leaves: Sequence[Leaf]) -> int:
    counts: list[int] = []
    map_leaves(lambda _, value: counts.append(len(value)), observations, leaves)
    return counts[0] if counts else 0


def space_features(space: Space[Any]) -> Features:
    """The features of a space, with numbered names.

    Raises:
        ArgumentError: an unsupported space.

    >>> from gymnasium.spaces import Box, Dict, Discrete
    >>> space_features(Dict(camera=Box(0, 255, (1, 2)), cell=Discrete(3))).names
    ('camera/0/0', 'camera/0/1', 'cell=0', 'cell=1', 'cell=2')
    """
    arrays = leaves(space)
    if len(arrays) == 1 and not arrays[0].path:
        (leaf,) = arrays
        return Features(leaf.encoded_shape, leaf.plain_axes, leaves=() if leaf.kind == "number" else arrays)
    dims = tuple(leaf.plain_axes if leaf.kind != "text" else () for leaf in arrays)
    return Features((sum(leaf.size for leaf in arrays),), ("feature",), leaves=arrays, leaf_dims=dims)
