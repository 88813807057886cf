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
    policy: Policy, observations: np.ndarray, *, deterministic: bool, rngs: Sequence[np.random.Generator]
) -> tuple[np.ndarray, np.ndarray]:
    """Actions and scores for `observations [rows, *observation]`; `rows` as `padded_rows` says."""
    if len(policy.features.shape) != 1 or len(observations) == BLOCK:
        acted = _act(policy, observations, deterministic, rngs)
        return acted.actions, acted.scores
    parts = [
        _act(policy, observations[start : start + BLOCK], deterministic, rngs[start : start + BLOCK])
        for start in range(0, len(observations), BLOCK)
    ]
    return np.concatenate([part.actions for part in parts]), np.concatenate([part.scores for part in parts])


def _act(policy: Policy, observations: np.ndarray, deterministic: bool, rngs: Sequence[np.random.Generator]) -> Acted:
    return policy.act(observations, Context(), deterministic=deterministic, rngs=None if deterministic else rngs)
