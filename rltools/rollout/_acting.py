"""One decision for each running episode, the same whatever other episodes run beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch

from rltools.policy import Acted, Context, Policy

BLOCK = 16
"""BLAS rounds by batch size: vectors always go through the network in blocks of exactly so many rows."""


@contextmanager
def reproducible(policy: Policy) -> Iterator[None]:
    """Torch on one thread for vector observations, whose tiny products it would split by the machine's mood."""
    before = torch.get_num_threads()
    if len(policy.features.shape) == 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def padded_rows(policy: Policy, rows: int) -> int:
    """How many rows the network is given for so many episodes."""
    return -(-rows // BLOCK) * BLOCK if len(policy.features.shape) == 1 else rows


def act(
    policy: Policy,
    current: np.ndarray,
    slots: slice | np.ndarray,
    generators: Sequence[np.random.Generator] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Actions and scores of the observations in some slots of `current`; random with generators, one for each slot.

    Vectors go through the network with whatever else is in `current`, filled up to whole blocks.
    """
    if len(policy.features.shape) != 1:
        acted = _act(policy, current[slots], generators)
        return acted.actions, acted.scores
    if isinstance(slots, slice):
        count = slots.stop
        observations = current if len(current) == BLOCK else current[: padded_rows(policy, count)]
    else:
        count = len(slots)
        observations = current[np.concatenate([slots, slots[np.zeros(padded_rows(policy, count) - count, np.int64)]])]
    if generators is not None:  # rows that only fill a block draw nothing from an episode's own
        generators = [*generators, *[_FILLING] * (len(observations) - count)]
    if len(observations) == BLOCK:
        acted = _act(policy, observations, generators)
        return acted.actions[:count], acted.scores[:count]
    parts = [
        _act(policy, observations[rows], None if generators is None else generators[rows])
        for rows in (slice(start, start + BLOCK) for start in range(0, len(observations), BLOCK))
    ]
    actions, scores = (np.concatenate([getattr(part, name) for part in parts]) for name in ("actions", "scores"))
    return actions[:count], scores[:count]


_FILLING = np.random.default_rng(0)


def _act(policy: Policy, observations: np.ndarray, generators: Sequence[np.random.Generator] | None) -> Acted:
    return policy.act(observations, Context(), deterministic=generators is None, rngs=generators)
