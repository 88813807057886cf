"""Observations to try a policy on."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import Space
from gymnasium.spaces import Box

from rltools.environments import Environment, make_environment
from rltools.observations import Leaf, blank_observations, leaves, map_leaves, pick
from rltools.policy import Policy


def some_observations(policy: Policy, env: Environment | None, rows: int, rng: np.random.Generator) -> Any:
    """Each array `[rows, ...]`: visited by random actions in `env`, or drawn where there is none."""
    space = policy.observation_space
    return drawn_observations(space, rows, rng) if env is None else _visited(env, leaves(space), rows, rng)


def _visited(env: Environment, of: tuple[Leaf, ...], rows: int, rng: np.random.Generator) -> Any:
    live = make_environment(env)
    found = []
    try:
        live.action_space.seed(int(rng.integers(2**31)))
        observation, _ = live.reset(seed=int(rng.integers(2**31)))
        while True:
            found.append(map_leaves(lambda _, value: np.array(value), observation, of))
            if len(found) == rows:
                return map_leaves(lambda leaf, _: np.stack([pick(one, leaf) for one in found]), found[0], of)
            observation, _, terminated, truncated, _ = live.step(live.action_space.sample())
            if terminated or truncated:
                observation, _ = live.reset()
    finally:
        live.close()


def drawn_observations(space: Space[Any], rows: int, rng: np.random.Generator) -> Any:
    """Each array `[rows, ...]`: numbers around 0 within their bounds, any choice, empty texts."""

    def draw(leaf: Leaf, blank: np.ndarray) -> np.ndarray:
        if leaf.kind == "text":
            return blank
        if leaf.kind == "choice":
            lows = np.array(leaf.starts)
            chosen = rng.integers(lows, lows + np.array(leaf.sizes), size=(rows, len(lows)))
            return chosen.reshape(rows, *leaf.shape).astype(leaf.dtype)
        return _numbers(_at(space, leaf), leaf, rows, rng)

    return map_leaves(draw, blank_observations(space, rows), leaves(space))


def _numbers(space: Space[Any], leaf: Leaf, rows: int, rng: np.random.Generator) -> np.ndarray:
    # Not space.sample(): a bound such as 3e38 would be drawn up to.
    shape, dtype = (rows, *leaf.shape), np.dtype(leaf.dtype)
    low, high = (space.low, space.high) if isinstance(space, Box) else (0, 1)  # the bits of a MultiBinary
    if dtype.kind in "biu":
        bounds = np.clip(low, 0, 255).astype(np.int64), np.clip(high, 0, 255).astype(np.int64)
        return rng.integers(*bounds, size=shape, endpoint=True).astype(dtype)
    return np.clip(rng.standard_normal(shape), low, high).astype(dtype)


def _at(space: Any, leaf: Leaf) -> Space[Any]:
    for key in leaf.path:
        space = space[key]
    found: Space[Any] = space
    return found
