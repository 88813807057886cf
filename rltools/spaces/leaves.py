"""The arrays of an observation, and how they are encoded as numbers.

An observation is one array, or a Dict or Tuple of arrays, nested to any depth; each array is a leaf. Numbers stay
numbers; a choice (Discrete, MultiDiscrete) becomes one-hot, because an index has no gradient; a text is recorded and
not encoded.
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
        path: the keys and indices that lead to it; () if the observation is this array.
        kind: "number" (Box, MultiBinary), "choice" (Discrete, MultiDiscrete) or "text".
        shape: of the array as the environment gives it.
        dtype: of that array, NumPy's name for it; "object" for texts.
        sizes: how many values each element of a choice can take, in row-major order.
        starts: the lowest value of each element of a choice.
        axes: a name for each axis of its encoding, from its space; not written to files, as the features have them.
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
        """The path as text: `camera/0`; "" if the observation is this array."""
        return "/".join(map(str, self.path))

    @property
    def encoded_shape(self) -> tuple[int, ...]:
        """The shape of its encoding."""
        if self.kind == "choice":
            return (sum(self.sizes),)
        return self.shape if self.kind == "number" else (0,)

    @property
    def plain_axes(self) -> tuple[str, ...]:
        """A name for each axis of its encoding; without a known space, uint8 counts as an image."""
        pixels = image_axes(self.shape) if self.kind == "number" and self.dtype == "uint8" else ()
        return self.axes or pixels or element_axes(self.encoded_shape)

    @property
    def size(self) -> int:
        """How many elements its encoding has."""
        return prod(self.encoded_shape)

    def encode(self, values: np.ndarray) -> np.ndarray:
        """`[batch, *shape]` -> `[batch, *encoded_shape]`: numbers as they are, choices as float32 one-hot.

        Raises:
            ArgumentError: a choice that is out of its range.
        """
        if self.kind == "number":
            return values
        if self.kind == "text":
            return np.zeros((len(values), 0), np.float32)
        chosen = values.reshape(len(values), len(self.sizes)).astype(np.int64) - np.array(self.starts, np.int64)
        if ((chosen < 0) | (chosen >= np.array(self.sizes))).any():
            row, element = np.argwhere((chosen < 0) | (chosen >= np.array(self.sizes)))[0]
            low, size = self.starts[element], self.sizes[element]
            raise ArgumentError(
                f"{self.name or 'the observation'} is {values.reshape(len(values), -1)[row, element]}, which is none "
                f"of its values {low} to {low + size - 1}"
            )
        offsets = np.concatenate([[0], np.cumsum(self.sizes)[:-1]]).astype(np.int64)
        encoded = np.zeros((len(values), sum(self.sizes)), np.float32)
        np.put_along_axis(encoded, chosen + offsets, 1.0, axis=1)
        return encoded

    def to_json(self) -> dict[str, Any]:
        """Its entry in `recording.json`."""
        fields = {name: value for name, value in vars(self).items() if name != "axes"}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Leaf:
        """The leaf that `to_json` wrote."""
        plain: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in entry.items()}
        return cls(**plain)


def leaves(space: Space[Any]) -> tuple[Leaf, ...]:
    """The leaves of a space, in the order of the space.

    Raises:
        ArgumentError: a space without elements, without a fixed number of them (Sequence, Graph, OneOf), or of an
            unknown kind.

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
    walked = tuple(_walk(space, ()))
    if all(leaf.kind == "text" for leaf in walked):
        raise ArgumentError(
            f"observations of {space!r:.200} have no numbers to explain; give a space with a Box, Discrete, "
            f"MultiDiscrete or MultiBinary in it"
        )
    return walked


def _walk(space: Space[Any], path: Path) -> Iterator[Leaf]:
    from gymnasium import spaces

    if not isinstance(space, spaces.Dict | spaces.Tuple) and 0 in (space.shape or ()):
        where = f" at {'/'.join(map(str, path))!r}" if path else ""
        advice = (
            "remove them with gymnasium.wrappers.FilterObservation" if path else "give an observation that has some"
        )
        raise ArgumentError(
            f"observations of shape {tuple(space.shape or ())}{where} have no elements to explain; {advice}"
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
    elif isinstance(space, spaces.Text) or np.dtype(space.dtype).kind == "U":  # other packages define their own
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
    """The array at a leaf of an observation or of a batch of observations.

    Raises:
        MismatchError: a missing key, or fewer elements than the leaf's index; the message lists the keys.
    """
    value = observation
    for depth, key in enumerate(leaf.path):
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError) as error:
            where = "/".join(map(str, leaf.path[:depth])) or "the observation"
            content = (
                f"the keys {', '.join(map(repr, value))}"
                if isinstance(value, Mapping)
                else f"{len(value)} entries"
                if isinstance(value, Sequence)
                else f"no keys: it is a {type(value).__name__}"
            )
            raise MismatchError(f"{where} has no {key!r}; it has {content}") from error
    return value


def nest(pairs: Sequence[tuple[Leaf, Any]]) -> Any:
    """The Dict, Tuple or single array that the leaves come from, with a new value for each leaf."""
    if len(pairs) == 1 and not pairs[0][0].path:
        return pairs[0][1]
    return _nested([(leaf.path, value) for leaf, value in pairs])


def _nested(pairs: list[tuple[Path, Any]]) -> Any:
    if pairs and not pairs[0][0]:
        return pairs[0][1]
    keys = dict.fromkeys(path[0] for path, _ in pairs)
    parts = {key: _nested([(path[1:], value) for path, value in pairs if path[0] == key]) for key in keys}
    return tuple(parts.values()) if parts and all(isinstance(key, int) for key in parts) else parts


def placeholder_observations(space: Space[Any], rows: int) -> Any:
    """A batch of placeholder observations `[row, ...]`: zeros, the lowest values of choices, empty texts."""

    def blank(leaf: Leaf) -> np.ndarray:
        if leaf.kind == "text":
            return np.full(rows, "", dtype=object)
        low = np.reshape(leaf.starts, leaf.shape) if leaf.kind == "choice" else 0
        return np.full((rows, *leaf.shape), low, leaf.dtype)

    return nest([(leaf, blank(leaf)) for leaf in leaves(space)])


def map_leaves(change: Callable[[Leaf, Any], Any], observation: Any, leaves: Sequence[Leaf]) -> Any:
    """The same structure with `change(leaf, value)` at each leaf.

    Raises:
        MismatchError: a leaf is missing.
    """
    if len(leaves) == 1 and not leaves[0].path:
        return change(leaves[0], observation)
    return nest([(leaf, change(leaf, pick(observation, leaf))) for leaf in leaves])
