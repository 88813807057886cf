"""The elements of an environment's observations and actions, one row each: for tables, and for cards to fill in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Tuple

from rltools._util.text import plural
from rltools.policies.actions import count_actions

if TYPE_CHECKING:
    from gymnasium import Space

    from rltools.policies.env_info import EnvInfo
    from rltools.spaces import Features
    from rltools.spaces.layout import Factor
    from rltools.spaces.parts import Part

Range = tuple[float | None, float | None]


@dataclass(frozen=True)
class ObservedElement:
    """An element of an observation: a number, or an image, a choice or a text as a whole.

    Attributes:
        kind: what it is.
        path: of the entry that it is in, as text; "" if the observation is one array.
        positions: of its elements in the encoded observation, as text: `3`, `4 to 9`, or "" for a text.
        name: of a number or a choice; of an image or a text the path.
        unit: "" for none.
        range: the lowest and the highest value by the space; None where it has no bound.
        group: the variable that it is ranked and hidden with, if that is called otherwise; else "".
        origin: where the name is from, to complete "named by"; "" if it is numbered.
        values: of a choice, the names of its values.
        factors: of a choice that combines several, the name of each with its values; empty for others.
        shape: of an image.
        dims: a name for each axis of an image.
        channels: what each channel of an image holds; empty if unknown.
    """

    kind: Literal["number", "choice", "image", "text"]
    path: str
    positions: str
    name: str
    unit: str = ""
    range: Range = (None, None)
    group: str = ""
    origin: str = ""
    values: tuple[str, ...] = ()
    factors: tuple[tuple[str, tuple[str, ...]], ...] = ()
    shape: tuple[int, ...] = ()
    dims: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()


@dataclass(frozen=True)
class ActionElement:
    """A discrete action, a value of one of several choices, or a dimension of a continuous action.

    Attributes:
        position: from 0.
        name: as the environment calls it; "" if nothing names it.
        range: of a dimension of a continuous action.
    """

    position: int
    name: str
    range: Range = (None, None)


def observed_elements(env_info: EnvInfo) -> list[ObservedElement]:
    """The elements of an environment's observation, in their order.

    Example:
        >>> from rltools.policies.env_elements import observed_elements
        >>> from rltools.policies.env_info import inspect_env
        >>> *_, angle, velocity = observed_elements(inspect_env("CartPole-v1"))
        >>> angle.name, angle.unit, angle.range, velocity.range
        ('pole angle', 'rad', (-0.418879, 0.418879), (None, None))
    """
    features = env_info.features
    if features is None:
        raise AssertionError("the names of this environment were left out")
    groups = {int(position): name for name, positions in features.variables() for position in positions}
    factors = iter(features.factors or ())
    elements: list[ObservedElement] = []
    for part in features.parts:
        space = _space_at(env_info.observation_space, part.leaf.path)
        if part.leaf.kind == "choice" and part.shape == part.leaf.encoded_shape:
            elements += _choices(features, part, groups, factors)
        else:
            elements += _of_part(features, part, space, groups)
    texts = [leaf for leaf in features.leaves if leaf.kind == "text"]
    return elements + [ObservedElement("text", leaf.name, "", leaf.name or "text") for leaf in texts]


def _of_part(features: Features, part: Part, space: Space[Any], groups: dict[int, str]) -> Iterator[ObservedElement]:
    path, origins = part.leaf.name, features.origins or ("",) * features.size
    units = features.units or ("",) * features.size
    if part.is_image:
        low, high = _bounds(space)
        yield ObservedElement(
            "image",
            path,
            _positions(part.start, part.stop),
            path or "image",
            range=(_least(low), _most(high)),
            origin=origins[part.start],
            shape=part.shape,
            dims=part.dims,
            channels=part.channels,
        )
    else:
        low, high = _bounds(space)
        for index, position in enumerate(range(part.start, part.stop)):
            name = features.names[position]
            yield ObservedElement(
                "number",
                path,
                str(position),
                name,
                units[position],
                (_bound(low, index, part), _bound(high, index, part)),
                "" if groups.get(position, name) == name else groups[position],
                origins[position],
            )


def _choices(
    features: Features, part: Part, groups: dict[int, str], factors: Iterator[tuple[Factor, ...]]
) -> Iterator[ObservedElement]:
    start, origins = part.start, features.origins or ("",) * features.size
    for size in part.leaf.sizes:
        names = features.names[start : start + size]
        choice = names[0].rpartition("=")[0] or part.leaf.name or "choice"
        values = tuple(name.removeprefix(f"{choice}=") for name in names)
        group = groups.get(start, choice)
        combined = next(factors, ())
        yield ObservedElement(
            "choice",
            part.leaf.name,
            _positions(start, start + size),
            choice,
            group="" if group == choice else group,
            origin=origins[start],
            values=values,
            factors=tuple((factor.name, factor.values) for factor in combined),
        )
        start += size


def action_elements(env_info: EnvInfo) -> list[ActionElement]:
    """The actions of an environment, in their order.

    Example:
        >>> from rltools.policies.env_elements import action_elements
        >>> from rltools.policies.env_info import inspect_env
        >>> [(each.position, each.name) for each in action_elements(inspect_env("CartPole-v1"))]
        [(0, 'push left'), (1, 'push right')]
    """
    space = env_info.action_space
    count = count_actions(space)
    names = env_info.action_names or ("",) * count
    if isinstance(space, Box):
        low, high = (np.asarray(bound, float).reshape(-1) for bound in (space.low, space.high))
        return [
            ActionElement(position, names[position], (_number(low[position]), _number(high[position])))
            for position in range(count)
        ]
    return [ActionElement(position, name) for position, name in enumerate(names)]


def kind_of_actions(space: Space[Any]) -> str:
    """The kind of an action space, in a few words."""
    if isinstance(space, Discrete):
        return f"one of {int(space.n)} actions"
    if isinstance(space, MultiDiscrete):
        return f"choices among {' and '.join(map(str, np.asarray(space.nvec).reshape(-1).tolist()))} values"
    if isinstance(space, MultiBinary):
        return f"{count_actions(space) // 2} bits"
    return plural(count_actions(space), "number")


def _space_at(space: Space[Any], path: tuple[str | int, ...]) -> Space[Any]:
    for key in path:
        space = space.spaces[key] if isinstance(space, Dict | Tuple) else space  # type: ignore[index]
    return space


def _bounds(space: Space[Any]) -> tuple[np.ndarray | None, np.ndarray | None]:
    if not isinstance(space, Box):
        return None, None
    return np.asarray(space.low, float).reshape(-1), np.asarray(space.high, float).reshape(-1)


def _bound(bounds: np.ndarray | None, index: int, part: Part) -> float | None:
    fits = bounds is not None and bounds.size == part.stop - part.start
    return _number(bounds[index]) if fits and bounds is not None else None


def _least(bounds: np.ndarray | None) -> float | None:
    return None if bounds is None else _number(bounds.min())


def _most(bounds: np.ndarray | None) -> float | None:
    return None if bounds is None else _number(bounds.max())


def _number(value: float) -> float | None:
    """A bound in few digits; None if there is none, which spaces of floats also say with their largest number."""
    if not np.isfinite(value) or abs(value) > _ENDLESS:
        return None
    return float(f"{value:.6g}") + 0.0  # no negative zero


_ENDLESS = 1e30


def _positions(start: int, stop: int) -> str:
    return str(start) if stop - start == 1 else f"{start} to {stop - 1}"
