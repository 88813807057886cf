"""Action spaces: how many scores they need, and what their actions are called."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from gymnasium import Space
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete

from rltools.environments import is_old_space
from rltools.errors import ArgumentError


def branches(space: Space[Any]) -> tuple[int, ...]:
    """How many values each discrete choice has; empty for continuous actions. A bit of a MultiBinary has two.

    Raises:
        ArgumentError: a space that is not supported.

    >>> branches(Discrete(4)), branches(MultiDiscrete([3, 2])), branches(MultiBinary(2)), branches(Box(0, 1, (2,)))
    ((4,), (3, 2), (2, 2), ())
    """
    if not isinstance(space, Space) and not is_old_space(space):
        raise ArgumentError(
            f"the action space is {space!r:.80}, a {type(space).__name__}; give a space of gymnasium.spaces, for "
            f"instance env.action_space"
        )
    if 0 in (space.shape or ()):
        raise ArgumentError(f"actions of shape {tuple(space.shape or ())} leave nothing to decide; give at least one")
    if isinstance(space, Discrete):
        return (int(space.n),)
    if isinstance(space, MultiDiscrete):
        return tuple(int(count) for count in space.nvec.reshape(-1))
    if isinstance(space, MultiBinary):
        return (2,) * prod(space.shape)
    if isinstance(space, Box):
        return ()
    if is_old_space(space):
        raise ArgumentError(
            f"actions are a {type(space).__name__} of the old library gym; give the space of the same name of "
            f"gymnasium.spaces, or make the environment through shimmy: "
            f'gymnasium.make("GymV26Environment-v0", env=env)'
        )
    raise ArgumentError(
        f"actions of {type(space).__name__} are not supported; they must be Discrete, MultiDiscrete, MultiBinary or "
        f"Box: {space}"
    )


def count_actions(space: Space[Any]) -> int:
    """How many scores decide: one per discrete action, or per value of each branch; per dimension of a Box.

    Raises:
        ArgumentError: a space that is not supported.
    """
    return sum(branches(space)) if not isinstance(space, Box) else prod(space.shape)


def default_names(space: Space[Any]) -> tuple[str, ...]:
    """Names for the actions where nothing names them.

    >>> default_names(Discrete(2)), default_names(MultiBinary(1))
    (('action 0', 'action 1'), ('action[0]=off', 'action[0]=on'))
    """
    sizes = branches(space)
    if len(sizes) <= 1 and not isinstance(space, MultiBinary | MultiDiscrete):
        return tuple(f"action {position}" for position in range(count_actions(space)))
    places = list(np.ndindex(tuple(space.shape or ())))
    names = []
    for place, size in zip(places, sizes, strict=True):
        values = ["off", "on"] if isinstance(space, MultiBinary) else list(map(str, _values(space, place, size)))
        names += [f"action[{', '.join(map(str, place))}]={value}" for value in values]
    return tuple(names)


def _values(space: Any, place: tuple[int, ...], size: int) -> range:
    start = int(space.start[place])
    return range(start, start + size)
