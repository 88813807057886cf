"""Observations to try a policy on."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import Space

from rltools.environments import Environment, make_environment
from rltools.policy import Policy


def some_observations(policy: Policy, env: Environment | None, rows: int, rng: np.random.Generator) -> np.ndarray:
    """`[rows, *observation]`: visited by random actions in `env`, or drawn where there is none."""
    return _drawn(policy.observation_space, rows, rng) if env is None else _visited(env, rows, rng)


def _visited(env: Environment, rows: int, rng: np.random.Generator) -> np.ndarray:
    live = make_environment(env)
    found = []
    try:
        live.action_space.seed(int(rng.integers(2**31)))
        observation, _ = live.reset(seed=int(rng.integers(2**31)))
        while True:
            found.append(np.array(observation))
            if len(found) == rows:
                return np.stack(found)
            observation, _, terminated, truncated, _ = live.step(live.action_space.sample())
            if terminated or truncated:
                observation, _ = live.reset()
    finally:
        live.close()


def _drawn(space: Space[Any], rows: int, rng: np.random.Generator) -> np.ndarray:
    # Not space.sample(): a bound such as 3e38 would be drawn up to.
    shape, dtype = space.shape or (), np.dtype(space.dtype or np.float32)
    low, high = getattr(space, "low", -np.inf), getattr(space, "high", np.inf)
    if dtype.kind in "biu":
        bounds = np.clip(low, 0, 255).astype(np.int64), np.clip(high, 0, 255).astype(np.int64)
        return rng.integers(*bounds, size=(rows, *shape), endpoint=True).astype(dtype)
    return np.clip(rng.standard_normal((rows, *shape)), low, high).astype(dtype)
