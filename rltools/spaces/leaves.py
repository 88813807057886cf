"""The arrays that an observation is made of, and the numbers they become.

An observation is one array, or a Dict or Tuple of them, nested as deep as one likes. Each of its arrays is a leaf.
Numbers stay numbers; a choice (Discrete, MultiDiscrete) becomes one-hot, because nothing can be differentiated with
respect to which of several things was seen; a text is kept as it is, and no number stands for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rltools.errors import ArgumentError, MismatchError
from rltools.spaces.axes import element_axes, image_axes, space_axes

if TYPE_CHECKING:
    from gymnasium import Space

Path = tuple[str | int, ...]
Kind = Literal["number", "choice", "text"]


@dataclass(frozen=True)
class Leaf:
    """One array of an observation.

    Attributes:
        path: the keys and positions that lead to it; () where the observation is this array.
        kind: "number" (Box, MultiBinary), "choice" (Discrete, MultiDiscrete) or "text".
        shape: of the array as the environment gives it.
        dtype: of that array, NumPy's name for it; "object" for texts.
        sizes: of a choice, how many values each of its entries can take, in row-major order.
        starts: of a choice, the lowest value of each of them.
        axes: a name for each axis of the numbers it becomes, by its space; not kept in files, where features have them.
    """

    path: Path
    kind: Kind
    shape: tuple[int, ...]
    dtype: str
    sizes: tuple[int, ...] = ()
    starts: tuple[int, ...] = ()
    axes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def name(self) -> str:
        """The path as text: `camera/0`; "" where the observation is this array."""
        return "/".join(map(str, self.path))

    @property
    def encoded_shape(self) -> tuple[int, ...]:
        """Of the numbers it becomes."""
        if self.kind == "choice":
            return (sum(self.sizes),)
        return self.shape if self.kind == "number" else (0,)

    @property
    def plain_axes(self) -> tuple[str, ...]:
        """A name for each axis of the numbers it becomes; where its space is not known, bytes are an image."""
        pixels = image_axes(self.shape) if self.kind == "number" and self.dtype == "uint8" else ()
        return self.axes or pixels or element_axes(self.encoded_shape)

    @property
    def size(self) -> int:
        """How many numbers it becomes."""
        return prod(self.encoded_shape)

    def encode(self, values: np.ndarray) -> np.ndarray:
        """`[batch, *shape]` -> `[batch, *encoded_shape]`: numbers as they are, choices as float32 one-hot.

        Raises:
            ArgumentError: a choice that is none of its values.
        """
        if self.kind == "number":
            return values
        if self.kind == "text":
            return np.zeros((len(values), 0), np.float32)
        chosen = values.reshape(len(values), len(self.sizes)).astype(np.int64) - np.array(self.starts, np.int64)
        if ((chosen < 0) | (chosen >= np.array(self.sizes))).any():
            row, entry = np.argwhere((chosen < 0) | (chosen >= np.array(self.sizes)))[0]
            low, size = self.starts[entry], self.sizes[entry]
            raise ArgumentError(
                f"{self.name or 'the observation'} is {values.reshape(len(values), -1)[row, entry]}, which is none of "
                f"its values {low} to {low + size - 1}"
            )
        offsets = np.concatenate([[0], np.cumsum(self.sizes)[:-1]]).astype(np.int64)
        encoded = np.zeros((len(values), sum(self.sizes)), np.float32)
        np.put_along_axis(encoded, chosen + offsets, 1.0, axis=1)
        return encoded

    def to_json(self) -> dict[str, Any]:
        """As `recording.json` keeps it."""
        kept = {name: value for name, value in vars(self).items() if name != "axes"}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in kept.items()}

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Leaf:
        """What `to_json` wrote."""
        plain: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in entry.items()}
        return cls(**plain)


def leaves(space: Space[Any]) -> tuple[Leaf, ...]:
    """The leaves of a space, in its own order.

    Raises:
        ArgumentError: a space that has no entries, or no fixed number of them (Sequence, Graph, OneOf), or an unknown
            one.

    >>> from gymnasium.spaces import Box, Dict, Discrete
    >>> [(leaf.name, leaf.kind, leaf.encoded_shape) for leaf in leaves(Dict(speed=Box(0, 1, (2,)), gear=Discrete(5)))]
    [('speed', 'number', (2,)), ('gear', 'choice', (5,))]
    """
    from gymnasium import Space as AnySpace

    old = type(space).__module__.partition(".")[0] == "gym"
    if not isinstance(space, AnySpace) and not old:
        raise ArgumentError(
            f"the observation space is {space!r:.80}, a {type(space).__name__}; give a space of gymnasium.spaces, for "
            f"instance env.observation_space"
        )
    found = tuple(_walk(space, ()))
    if all(leaf.kind == "text" for leaf in found):
        raise ArgumentError(
            f"observations of {space!r:.200} have no numbers that anything could be said of; give a space with a Box, "
            f"Discrete, MultiDiscrete or MultiBinary in it"
        )
    return found


def _walk(space: Space[Any], path: Path) -> Iterator[Leaf]:
    from gymnasium import spaces

    if not isinstance(space, spaces.Dict | spaces.Tuple) and 0 in (space.shape or ()):
        where = f" at {'/'.join(map(str, path))!r}" if path else ""
        advice = (
            "leave them out with gymnasium.wrappers.FilterObservation" if path else "give an observation that has some"
        )
        raise ArgumentError(
            f"observations of shape {tuple(space.shape or ())}{where} have no entries to explain; {advice}"
        )
    if isinstance(space, spaces.Dict):
        for key, part in space.spaces.items():
            yield from _walk(part, (*path, key))
    elif isinstance(space, spaces.Tuple):
        for position, part in enumerate(space.spaces):
            yield from _walk(part, (*path, position))
    elif isinstance(space, spaces.Box | spaces.MultiBinary):
        dtype = np.dtype(space.dtype or np.float32).name
        yield Leaf(path, "number", tuple(map(int, space.shape)), dtype, axes=space_axes(space))
    elif isinstance(space, spaces.Discrete):
        dtype = np.dtype(space.dtype or np.int64).name
        yield Leaf(path, "choice", (), dtype, (int(space.n),), (int(space.start),), ("feature",))
    elif isinstance(space, spaces.MultiDiscrete):
        shape, dtype = tuple(map(int, space.shape)), np.dtype(space.dtype or np.int64).name
        sizes, starts = space.nvec.reshape(-1), space.start.reshape(-1)
        yield Leaf(path, "choice", shape, dtype, tuple(map(int, sizes)), tuple(map(int, starts)), ("feature",))
    elif isinstance(space, spaces.Text) or np.dtype(space.dtype).kind == "U":  # other packages have texts of their own
        yield Leaf(path, "text", (), "object", axes=("feature",))
    elif type(space).__module__.partition(".")[0] == "gym":
        raise ArgumentError(
            f"observations are a {type(space).__name__} of the old library gym; give the space of the same name of "
            f"gymnasium.spaces, or make the environment through shimmy: "
            f'gymnasium.make("GymV26Environment-v0", env=env)'
        )
    else:
        where = f" at {'/'.join(map(str, path))!r}" if path else ""
        raise ArgumentError(
            f"observations of {type(space).__name__}{where} are not supported; they must be Box, Discrete, "
            f"MultiDiscrete, MultiBinary or Text, or a Dict or Tuple of these"
        )


def pick(observation: Any, leaf: Leaf) -> Any:
    """What an observation, or a batch of them, holds at a leaf.

    Raises:
        MismatchError: a key that is missing, or fewer entries than the leaf's position; the message lists the keys.
    """
    found = observation
    for depth, key in enumerate(leaf.path):
        try:
            found = found[key]
        except (KeyError, IndexError, TypeError) as error:
            place = "/".join(map(str, leaf.path[:depth])) or "the observation"
            there = (
                f"the keys {', '.join(map(repr, found))}"
                if isinstance(found, Mapping)
                else f"{len(found)} entries"
                if isinstance(found, Sequence)
                else f"no keys: it is a {type(found).__name__}"
            )
            raise MismatchError(f"{place} has no {key!r}; it has {there}") from error
    return found


def nest(found: Sequence[tuple[Leaf, Any]]) -> Any:
    """The structure that leaves were walked out of, with something else in the place of each."""
    if len(found) == 1 and not found[0][0].path:
        return found[0][1]
    return _nested([(leaf.path, value) for leaf, value in found])


def _nested(found: list[tuple[Path, Any]]) -> Any:
    if found and not found[0][0]:
        return found[0][1]
    keys = dict.fromkeys(path[0] for path, _ in found)
    parts = {key: _nested([(path[1:], value) for path, value in found if path[0] == key]) for key in keys}
    return tuple(parts.values()) if parts and all(isinstance(key, int) for key in parts) else parts


def blank_observations(space: Space[Any], rows: int) -> Any:
    """So many observations `[row, ...]` of zeros, the lowest values of choices and empty texts."""

    def blank(leaf: Leaf) -> np.ndarray:
        if leaf.kind == "text":
            return np.full(rows, "", dtype=object)
        low = np.reshape(leaf.starts, leaf.shape) if leaf.kind == "choice" else 0
        return np.full((rows, *leaf.shape), low, leaf.dtype)

    return nest([(leaf, blank(leaf)) for leaf in leaves(space)])


def map_leaves(change: Callable[[Leaf, Any], Any], observation: Any, of: Sequence[Leaf]) -> Any:
    """The same structure, with `change(leaf, value)` at each leaf.

    Raises:
        MismatchError: a leaf is missing.
    """
    if len(of) == 1 and not of[0].path:
        return change(of[0], observation)
    return nest([(leaf, change(leaf, pick(observation, leaf))) for leaf in of])
