"""What an encoded observation is made of, as far as functions beside `Features` read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from rltools.spaces.leaves import Leaf
from rltools.spaces.parts import Part

Rows = list[tuple[str, np.ndarray]]
"""Pairs of a name and the row-major positions of its elements, int64."""


class Factor(NamedTuple):
    """One of several quantities that a value of a choice combines.

    Attributes:
        name: short, fit for an axis label.
        values: a name for each of its values.
    """

    name: str
    values: tuple[str, ...]


class Objects(NamedTuple):
    """What the codes in a channel of an image mean.

    Attributes:
        channel: the name of the channel.
        names: of each code, from 0 on.
    """

    channel: str
    names: tuple[str, ...]


class Layout(Protocol):
    """The attributes of `rltools.spaces.Features` that decide what is a variable; see there."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one encoded observation."""

    @property
    def size(self) -> int:
        """How many elements it has."""

    @property
    def names(self) -> tuple[str, ...]:
        """One name per element."""

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """The arrays of the observation."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """The arrays as slices of the encoded observation."""

    @property
    def part_objects(self) -> tuple[Objects | None, ...]:
        """What the codes in the cells of each part mean."""

    @property
    def choices(self) -> tuple[str, ...]:
        """A name for each choice."""

    @property
    def factors(self) -> tuple[tuple[Factor, ...], ...]:
        """The factors of each choice."""

    @property
    def lags(self) -> np.ndarray:
        """How many steps ago each element was observed."""

    @property
    def is_nested(self) -> bool:
        """Whether the observation is a Dict or a Tuple."""

    @property
    def observation(self) -> Layout | None:
        """The observation of which this is a window."""

    def groups(self, *, merged: bool = False, separated: Sequence[str] = ()) -> Rows:
        """Elements, and regions of images."""
