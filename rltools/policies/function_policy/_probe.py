"""Tries a function on observations of its environment, before anything is recorded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from rltools.envs import Environment, make_environment
from rltools.errors import MismatchError, SimulationError
from rltools.policies.rows import MixedRowsError
from rltools.spaces import Features

VISITED, MIXED = 32, 32
"""How many observations a function is tried at: visited by random actions, and mixed from these."""
AGAIN = 8
"""At how many of them it is asked a second time, one by one."""
Scores = Callable[[np.ndarray], np.ndarray]
"""Maps encoded observations `[row, *feature]` to scores `[row, k]`."""


def probes(env: Environment, features: Features, encode: Callable[[Any], np.ndarray]) -> np.ndarray:
    """Encoded observations `[row, *feature]` of an environment, the same each time.

    Half are visited by random actions, half have each variable from another one of these, as methods put them together.

    Raises:
        SimulationError: the environment fails within the first steps.
    """
    live = make_environment(env)
    visited = []
    try:
        live.action_space.seed(0)
        observation, _ = live.reset(seed=0)
        while True:
            visited.append(encode(observation))
            if len(visited) == VISITED:
                break
            observation, _, terminated, truncated, _ = live.step(live.action_space.sample())
            if terminated or truncated:
                observation, _ = live.reset()
    except Exception as error:
        raise SimulationError(
            f"{live} failed in its first {VISITED} steps with random actions: {type(error).__name__}: {error}; make "
            f"such steps work, or fix the environment"
        ) from error
    finally:
        live.close()
    x = np.concatenate(visited)
    mixed, rng = x.copy().reshape(len(x), -1), np.random.default_rng(0)
    for _, elements in features.variables():
        mixed[:, elements] = mixed[:, elements][rng.permutation(len(mixed))]
    return np.concatenate([x, mixed[:MIXED].reshape(-1, *x.shape[1:])])


def tried(name: str, scores_of: Scores, x: np.ndarray) -> tuple[str, tuple[str, ...]]:
    """The sha256 of a function's scores at some observations, and the caveats about it.

    Raises:
        MismatchError: the function fails, or returns anything but scores of each observation.
        MixedRowsError: what it returns for an observation depends on others in the batch.
    """
    scores = scores_of(x[:VISITED])
    try:
        scores = np.concatenate([scores, scores_of(x[VISITED:])])
    except MismatchError as error:
        raise MismatchError(
            f"{error}. It works at observations that are visited, and fails at such that have features of several, at "
            f"which methods ask it; make it return something for every observation of the space"
        ) from error
    few = np.linspace(0, len(x) - 1, AGAIN).round().astype(np.int64)
    again = np.concatenate([scores_of(x[[row]]) for row in few])  # alone, which rows that mix would show
    notes: tuple[str, ...] = (f"a function has no file: the sha256 is that of its scores at {len(x)} observations",)
    if _differ(again, scores[few]):
        if not _differ(np.concatenate([scores_of(x[[row]]) for row in few]), again):
            raise MixedRowsError(
                f"the function of {name} returns other scores for an observation among other observations, so that an "
                f"attribution would depend on the rest of its batch; make it compute each row from that row alone, or "
                f"give batched=False"
            )
        notes += ("the function is random: it returned other scores for the same observations a second time",)
    text = "\n".join(" ".join(f"{score:.5e}" for score in row) for row in scores + 0.0)
    return hashlib.sha256(text.encode()).hexdigest(), notes


def _differ(scores: np.ndarray, others: np.ndarray) -> bool:
    return not np.allclose(scores, others, rtol=1e-5, atol=1e-8, equal_nan=True)
