"""The layers of an environment, and what each of them gives to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium
from gymnasium import Space, spaces


@dataclass(frozen=True)
class Layer:
    """An environment or a wrapper, and the space of what it gives."""

    env: gymnasium.Env[Any, Any]
    space: Space[Any]


def layers(env: gymnasium.Env[Any, Any]) -> list[Layer]:
    """From the environment inside all wrappers outwards."""
    found: list[Layer] = []
    lengthened: list[Space[Any]] = []
    while True:
        space = env.observation_space
        found.append(Layer(env, _shortened(space, sum(space is other for other in lengthened))))
        if not isinstance(env, gymnasium.Wrapper):
            return found[::-1]
        # This one writes its longer space into the environment inside, which goes on giving what it gave before.
        if type(env).__name__ == "TimeFeatureWrapper":
            lengthened.append(env.env.observation_space)
        env = env.env


def _shortened(space: Space[Any], by: int) -> Space[Any]:
    if not by:
        return space
    if isinstance(space, spaces.Dict):
        inner = _shortened(space.spaces["observation"], by)
        return spaces.Dict({**space.spaces, "observation": inner}, sort_keys=space.sort_keys)
    if isinstance(space, spaces.Box) and space.dtype is not None:
        return spaces.Box(space.low[:-by], space.high[:-by], dtype=space.dtype.type)
    return space
