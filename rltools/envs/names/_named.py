"""The names of each leaf of an observation, and the features made of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import Any

import numpy as np
from gymnasium import Space, spaces

from rltools.errors import ArgumentError
from rltools.spaces import Features, Part, space_features
from rltools.spaces.axes import element_axes
from rltools.spaces.layout import Factor, Objects
from rltools.spaces.leaves import Leaf, Path, leaves
from rltools.spaces.parts import with_lag


@dataclass(frozen=True)
class NamedLeaf:
    """A leaf, and what its elements are called.

    Attributes:
        leaf: the array.
        names: one per element of its encoding, in row-major order; empty if unnamed.
        units: one per element of its encoding; empty if unknown.
        dims: a name for each axis; empty for those of named quantities, or those of the space.
        channels: what each channel of an image holds; empty if unknown.
        choices: a name for each choice; empty if unknown.
        lags: steps ago, one per element; empty if the axes say so.
        leaf_names: the leaf each element came from before it was flattened; empty if this is one leaf.
        factors: of each choice, the factors that its values combine; empty if unknown.
        objects: what the codes in the cells of an image mean; None if unknown.
        origins: where each name is from, one per element, as in `Features`; empty if unnamed.
    """

    leaf: Leaf
    names: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    dims: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    lags: tuple[int, ...] = ()
    leaf_names: tuple[str, ...] = ()
    factors: tuple[tuple[Factor, ...], ...] = ()
    objects: Objects | None = None
    origins: tuple[str, ...] = ()

    @property
    def part(self) -> Part:
        """The leaf with its axes, as if the observation were this leaf alone."""
        shape = self.leaf.encoded_shape
        plain = element_axes(shape) if self.names else self.leaf.plain_axes
        return Part(self.leaf, 0, shape, self.dims or plain, self.channels)

    @property
    def is_image(self) -> bool:
        """Whether the leaf is an image."""
        return self.part.is_image

    def element_names(self) -> tuple[str, ...]:
        """The names; if there are none, positions in the image or numbers."""
        if self.names:
            return self.names
        if not self.is_image:
            return tuple(self.part.numbered())
        prefix = f"{self.leaf.name}: " if self.leaf.name else ""
        return tuple(prefix + coordinates for coordinates in self.part.coordinates())

    def element_origins(self) -> tuple[str, ...]:
        """Where the name of each element is from; "" for those that are numbered."""
        return self.origins or ("",) * self.leaf.size

    def element_lags(self) -> tuple[int, ...]:
        """How many steps ago each element was observed; 0 for now."""
        return self.lags or tuple(self.part.lags().tolist())

    def choice_names(self) -> tuple[str, ...]:
        """A name for each choice."""
        return self.choices or tuple(self.part.choice_names())


NamedLeaves = dict[Path, NamedLeaf]
"""The leaves of an observation by their paths."""


def unnamed_leaves(space: Space[Any]) -> NamedLeaves:
    """The leaves of a space, without names; unsupported ones are left out."""
    return {leaf.path: NamedLeaf(leaf) for leaf in _supported_leaves(space, ())}


def fit_to_space(named: Mapping[Path, NamedLeaf], space: Space[Any]) -> NamedLeaves:
    """The leaves of a space, in its order, with the names, units and lags whose number matches."""
    return {
        path: _fit(named[path], plain.leaf) if path in named else plain for path, plain in unnamed_leaves(space).items()
    }


def features_of(named: NamedLeaves, space: Space[Any]) -> Features:
    """The features of a space; elements are numbered if no names fit.

    Raises:
        ArgumentError: an unsupported space.
    """
    plain = space_features(space)
    by_path = fit_to_space(named, space)
    # Texts have no elements, but every tuple by leaf has an entry for them.
    every = (
        [by_path.get(leaf.path, NamedLeaf(leaf)) for leaf in plain.leaves] if plain.is_nested else [*by_path.values()]
    )
    names = _unique_names(every, [leaf.names or tuple(leaf.part.numbered()) for leaf in every])
    units = tuple(chain.from_iterable(leaf.units or ("",) * leaf.leaf.size for leaf in every))
    dims = tuple(leaf.part.dims if leaf.leaf.kind != "text" else () for leaf in every)
    channels = tuple(leaf.channels for leaf in every)
    factors = tuple(
        chain.from_iterable(
            leaf.factors or ((),) * len(leaf.leaf.sizes) for leaf in every if leaf.leaf.kind == "choice"
        )
    )
    objects = tuple(leaf.objects for leaf in every)
    origins = tuple(chain.from_iterable(leaf.element_origins() for leaf in every))
    features = dataclasses.replace(
        plain,
        given_names=names if any(leaf.names for leaf in every) else (),
        units=units if any(units) else (),
        dims=plain.dims if plain.is_nested else dims[0],
        leaf_dims=dims if plain.is_nested else (),
        choices=tuple(chain.from_iterable(leaf.choice_names() for leaf in every if leaf.leaf.kind == "choice")),
        channels=channels if any(channels) else (),
        given_leaf_names=every[0].leaf_names if not plain.is_nested else (),
        factors=factors if any(factors) else (),
        objects=objects if any(objects) else (),
        origins=origins if any(origins) else (),
    )
    if not any(leaf.lags for leaf in every):
        return features
    lags = tuple(chain.from_iterable(leaf.element_lags() for leaf in every if leaf.leaf.size))
    return features if np.array_equal(features.lags, lags) else dataclasses.replace(features, given_lags=lags)


def _supported_leaves(space: Space[Any], path: Path) -> Iterator[Leaf]:
    if isinstance(space, spaces.Dict):
        for key, part in space.spaces.items():
            yield from _supported_leaves(part, (*path, key))
    elif isinstance(space, spaces.Tuple):
        for index, part in enumerate(space.spaces):
            yield from _supported_leaves(part, (*path, index))
    else:
        try:
            yield from (dataclasses.replace(leaf, path=path) for leaf in leaves(space))
        except ArgumentError:
            return  # a wrapper may remove it again


def _fit(named: NamedLeaf, leaf: Leaf) -> NamedLeaf:
    shape = leaf.encoded_shape
    dims = named.dims if len(named.dims) == len(shape) else ()
    axes = dims or leaf.plain_axes
    channels = shape[axes.index("channel")] if "channel" in axes else 0
    return NamedLeaf(
        leaf,
        names=named.names if len(named.names) == leaf.size else (),
        units=named.units if len(named.units) == leaf.size else (),
        dims=dims,
        channels=named.channels if len(named.channels) == channels else (),
        choices=named.choices if len(named.choices) == len(leaf.sizes) else (),
        lags=named.lags if len(named.lags) == leaf.size else (),
        leaf_names=named.leaf_names if len(named.leaf_names) == leaf.size else (),
        factors=named.factors if _combine_to(named, leaf) else (),
        objects=named.objects if channels and len(named.channels) == channels else None,
        origins=named.origins if len(named.origins) == leaf.size else (),
    )


def _combine_to(named: NamedLeaf, leaf: Leaf) -> bool:
    """Whether factors still say what the choices of a leaf are: as many values, and observed now."""
    counts = [prod(len(factor.values) for factor in factors) for factors in named.factors]
    fits = len(counts) == len(leaf.sizes) and not any(named.element_lags())
    return fits and all(
        not factors or count == size for factors, count, size in zip(named.factors, counts, leaf.sizes, strict=True)
    )


def _unique_names(every: Sequence[NamedLeaf], names: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """All names in one row, prefixed by their leaf's if two leaves share one; () if that does not help."""
    plain = tuple(chain.from_iterable(names))
    if len(set(plain)) == len(plain):
        return plain
    longer = tuple(
        f"{leaf.leaf.name}: {name}" if leaf.names else name
        for leaf, own in zip(every, names, strict=True)
        for name in own
    )
    return longer if len(set(longer)) == len(longer) else ()


def flatten(inner: NamedLeaves) -> NamedLeaves:
    """The leaves as one vector, with choices one-hot, as they are encoded."""
    every = list(inner.values())
    first = every[0]
    unnamed = len(every) == 1 and not first.names and len(first.part.shape) <= 1 and not first.leaf.path
    nested = len(every) > 1 or first.leaf.path
    vector = NamedLeaf(
        Leaf((), "number", (sum(leaf.leaf.size for leaf in every),), "float32"),
        names=() if unnamed else _unique_names(every, [leaf.element_names() for leaf in every]),
        units=tuple(chain.from_iterable(leaf.units or ("",) * leaf.leaf.size for leaf in every)),
        dims=("feature",),
        lags=tuple(chain.from_iterable(leaf.element_lags() for leaf in every)),
        leaf_names=tuple(leaf.leaf.name for leaf in every for _ in range(leaf.leaf.size))
        if nested
        else first.leaf_names,
        origins=tuple(chain.from_iterable(leaf.element_origins() for leaf in every)),
    )
    return {(): vector}


def stack(inner: NamedLeaves, lags: int) -> NamedLeaves:
    """The names of `lags` stacked observations, the latest last."""
    return {path: _stack(leaf, range(lags - 1, -1, -1)) for path, leaf in inner.items() if leaf.leaf.kind != "text"}


def lagged(named: NamedLeaf, lag: int) -> NamedLeaf:
    """The names of an observation `lag` steps ago; an image keeps its numbers."""
    names = named.element_names() if named.names or not named.is_image else ()
    return dataclasses.replace(
        named,
        names=tuple(with_lag(name, lag) for name in names),
        choices=tuple(with_lag(name, lag) for name in named.choice_names()) if named.leaf.kind == "choice" else (),
        lags=tuple(lag + inner for inner in named.element_lags()),
    )


def _stack(named: NamedLeaf, lags: Sequence[int]) -> NamedLeaf:
    if named.leaf.kind == "choice" and named.leaf.shape:  # batch_space stacks the numbers of choices, not one-hot ones
        names = tuple(with_lag(name, lag) for lag in lags for name in named.choice_names())
        when = tuple(lag for lag in lags for _ in named.leaf.sizes)
        origins = (named.origins[0],) * len(names) if named.origins else ()
        return dataclasses.replace(
            named, names=names, units=(), dims=(), choices=(), lags=when, leaf_names=(), origins=origins
        )
    frames = [lagged(named, lag) for lag in lags]
    dims = ("lag", *named.part.dims) if named.leaf.kind == "number" and named.part.dims else ()
    return dataclasses.replace(
        named,
        names=tuple(chain.from_iterable(frame.names for frame in frames)),
        units=named.units * len(lags),
        dims=dims,
        choices=tuple(chain.from_iterable(frame.choices for frame in frames)) if named.leaf.kind == "choice" else (),
        lags=tuple(chain.from_iterable(frame.lags for frame in frames)) if named.lags or not dims else (),
        leaf_names=named.leaf_names * len(lags),
        origins=named.origins * len(lags),
    )


def without_units(inner: NamedLeaves) -> NamedLeaves:
    """The names of rescaled leaves, whose units and codes no longer hold."""
    return {path: dataclasses.replace(named, units=(), objects=None) for path, named in inner.items()}


COLORS = ("red", "green", "blue")
GRAY = ("gray",)


def image_leaf(path: Path, space: Space[object]) -> NamedLeaf:
    """An image `[y, x]` or `[y, x, channel]`, in gray or in color."""
    shape = tuple(space.shape or ())
    leaf = Leaf(path, "number", shape, "uint8")
    if len(shape) == 2:
        return NamedLeaf(leaf, dims=("y", "x"))
    return NamedLeaf(leaf, dims=("y", "x", "channel"), channels=GRAY if shape[-1:] == (1,) else COLORS)
