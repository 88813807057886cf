"""What is known of each array of an observation, and the features that come of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from gymnasium import Space, spaces

from rltools.errors import ArgumentError
from rltools.spaces import Features, Part, space_features
from rltools.spaces.axes import element_axes
from rltools.spaces.leaves import Leaf, Path, leaves
from rltools.spaces.parts import ago


@dataclass(frozen=True)
class Named:
    """A leaf, and what its entries are called.

    Attributes:
        leaf: the array.
        names: one for each entry of its encoding, in row-major order; empty where nothing names them.
        units: likewise.
        dims: a name for each axis; empty for those of quantities where they have names, else those of its space.
        channels: of a picture, what each channel holds; empty where nothing says.
        choices: of a choice, what is chosen by each of its entries; empty where nothing says.
    """

    leaf: Leaf
    names: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    dims: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()

    @property
    def part(self) -> Part:
        """The leaf with its axes, as a piece of an observation that is nothing else."""
        shape = self.leaf.encoded_shape
        plain = element_axes(shape) if self.names else self.leaf.plain_axes
        return Part(self.leaf, 0, shape, self.dims or plain, self.channels)

    @property
    def is_image(self) -> bool:
        """Whether the entries have a place in an image."""
        return self.part.is_image

    def entry_names(self) -> tuple[str, ...]:
        """The names, else the place in the picture, else numbers."""
        if self.names:
            return self.names
        if not self.is_image:
            return tuple(self.part.numbered())
        prefix = f"{self.leaf.name}: " if self.leaf.name else ""
        return tuple(prefix + place for place in self.part.places())

    def choice_names(self) -> tuple[str, ...]:
        """What is chosen by each of its entries."""
        return self.choices or tuple(self.part.choice_names())


Found = dict[Path, Named]
"""What is known of an observation, by the path of each of its leaves."""


def unnamed(space: Space[Any]) -> Found:
    """The leaves of a space, without names; what rltools does not know is left out."""
    return {leaf.path: Named(leaf) for leaf in _known_leaves(space, ())}


def fitted(found: Mapping[Path, Named], space: Space[Any]) -> Found:
    """The leaves of a space, in its order, with those names whose number fits."""
    return {path: _fit(found[path], plain.leaf) if path in found else plain for path, plain in unnamed(space).items()}


def put_together(found: Found, space: Space[Any]) -> Features:
    """The features of a space; entries are numbered where nothing fits.

    Raises:
        ArgumentError: a space that is not supported.
    """
    plain = space_features(space)
    every = list(fitted(found, space).values())
    names = _different(every) if any(of.names for of in every) else ()
    units = tuple(chain.from_iterable(of.units or ("",) * of.leaf.size for of in every))
    dims = tuple(of.part.dims if of.leaf.kind != "text" else () for of in every)
    channels = tuple(of.channels for of in every)
    return dataclasses.replace(
        plain,
        given_names=names,
        units=units if any(units) else (),
        dims=plain.dims if plain.is_nested else dims[0],
        leaf_dims=dims if plain.is_nested else (),
        choices=tuple(chain.from_iterable(of.choice_names() for of in every if of.leaf.kind == "choice")),
        channels=channels if any(channels) else (),
    )


def _known_leaves(space: Space[Any], path: Path) -> Iterator[Leaf]:
    if isinstance(space, spaces.Dict):
        for key, part in space.spaces.items():
            yield from _known_leaves(part, (*path, key))
    elif isinstance(space, spaces.Tuple):
        for position, part in enumerate(space.spaces):
            yield from _known_leaves(part, (*path, position))
    else:
        try:
            yield from (dataclasses.replace(leaf, path=path) for leaf in leaves(space))
        except ArgumentError:
            return  # a wrapper may take it away again


def _fit(named: Named, leaf: Leaf) -> Named:
    shape = leaf.encoded_shape
    dims = named.dims if len(named.dims) == len(shape) else ()
    axes = dims or leaf.plain_axes
    held = shape[axes.index("channel")] if "channel" in axes else 0
    return Named(
        leaf,
        names=named.names if len(named.names) == leaf.size else (),
        units=named.units if len(named.units) == leaf.size else (),
        dims=dims,
        channels=named.channels if len(named.channels) == held else (),
        choices=named.choices if len(named.choices) == len(leaf.sizes) else (),
    )


def _different(every: list[Named]) -> tuple[str, ...]:
    """A name for each entry; with the leaf's own where two leaves share one, and none where that does not help."""
    numbered = [of.names or tuple(of.part.numbered()) for of in every]
    names = tuple(chain.from_iterable(numbered))
    if len(set(names)) == len(names):
        return names
    longer = tuple(
        f"{of.leaf.name}: {name}" if of.names else name for of, own in zip(every, numbered, strict=True) for name in own
    )
    return longer if len(set(longer)) == len(longer) else ()


def flattened(inner: Found) -> Found:
    """One vector of all entries; a choice is one-hot in it, as it is where it is encoded."""
    every = list(inner.values())
    plain = len(every) == 1 and not every[0].names and len(every[0].part.shape) <= 1 and not every[0].leaf.path
    names = () if plain else _widths_differ(every)
    units = tuple(chain.from_iterable(of.units or ("",) * of.leaf.size for of in every))
    whole = Leaf((), "number", (sum(of.leaf.size for of in every),), "float32")
    return {(): Named(whole, names, units, ("feature",))}


def _widths_differ(every: list[Named]) -> tuple[str, ...]:
    names = tuple(chain.from_iterable(of.entry_names() for of in every))
    if len(set(names)) == len(names):
        return names
    longer = tuple(f"{of.leaf.name}: {name}" if of.names else name for of in every for name in of.entry_names())
    return longer if len(set(longer)) == len(longer) else ()


def stacked(inner: Found, lags: int) -> Found:
    """What is known of so many observations as one."""
    times = [f", {ago(lags - 1 - lag)}" for lag in range(lags)]
    return {path: _stacked(of, times) for path, of in inner.items() if of.leaf.kind != "text"}


def earlier(of: Named, when: str) -> Named:
    """An observation of another time; a picture keeps its numbers."""
    names = tuple(name + when for name in of.entry_names()) if of.names or not of.is_image else ()
    return dataclasses.replace(of, names=names, choices=tuple(name + when for name in of.choice_names()))


def _stacked(of: Named, times: list[str]) -> Named:
    if of.leaf.kind == "choice" and of.leaf.shape:  # its numbers, not one-hot: that is what batch_space makes of it
        return dataclasses.replace(
            of, names=tuple(name + when for when in times for name in of.choice_names()), units=(), dims=(), choices=()
        )
    at = [earlier(of, when) for when in times]
    dims = of.part.dims
    return dataclasses.replace(
        of,
        names=tuple(name for one in at for name in one.names),
        units=of.units * len(times),
        dims=("lag", *dims) if of.leaf.kind == "number" and dims else (),
        choices=tuple(name for one in at for name in one.choices) if of.leaf.kind == "choice" else (),
    )


COLORS = ("red", "green", "blue")
GRAY = ("gray",)


def picture(path: Path, space: Space[object]) -> Named:
    """A picture `[y, x]` or `[y, x, channel]`, in gray or in color."""
    shape = tuple(space.shape or ())
    leaf = Leaf(path, "number", shape, "uint8")
    if len(shape) == 2:
        return Named(leaf, dims=("y", "x"))
    return Named(leaf, dims=("y", "x", "channel"), channels=GRAY if shape[-1:] == (1,) else COLORS)
