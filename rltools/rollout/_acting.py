"""One decision for each running episode, the same whatever other episodes run beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from rltools.policy import Acted, Context, Policy
from rltools.rollout._observed import Observed

BLOCK = 16
"""BLAS rounds by batch size: vectors always go through the network in blocks of exactly so many rows."""


def padded_rows(policy: Policy, rows: int) -> int:
    """How many rows the network is given for so many episodes."""
    return -(-rows // BLOCK) * BLOCK if len(policy.features.shape) == 1 else rows


def act(
    policy: Policy,
    observed: Observed,
    slots: slice | np.ndarray,
    generators: Sequence[np.random.Generator] | None,
    beside: Mapping[str, np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Actions, scores and next states of the episodes in some slots; random with generators, one for each slot.

    Vectors go through the network with whatever else is in `observed`, filled up to whole blocks.
    """
    count = slots.stop if isinstance(slots, slice) else len(slots)
    rows = padded_rows(policy, count)
    if rows == count:
        filled = slots
    elif isinstance(slots, slice):
        filled = slice(0, rows)
    else:
        filled = np.concatenate([slots, slots[np.zeros(rows - count, np.int64)]])
    if generators is not None:  # rows that only fill a block draw nothing from an episode's own
        generators = [*generators, *[_FILLING] * (rows - count)]
    if rows <= BLOCK or len(policy.features.shape) != 1:
        acted = _act(policy, observed, filled, generators, beside)
        state = None if acted.state is None else acted.state[:count].numpy(force=True)
        return acted.actions[:count], acted.scores[:count], state
    index = np.arange(rows) if isinstance(filled, slice) else filled
    parts = [
        _act(policy, observed, index[part], None if generators is None else generators[part], beside)
        for part in (slice(start, start + BLOCK) for start in range(0, rows, BLOCK))
    ]
    actions, scores = (np.concatenate([getattr(part, name) for part in parts]) for name in ("actions", "scores"))
    states = [part.state.numpy(force=True) for part in parts if part.state is not None]
    return actions[:count], scores[:count], np.concatenate(states)[:count] if states else None


_FILLING = np.random.default_rng(0)


def _act(
    policy: Policy,
    observed: Observed,
    rows: slice | np.ndarray,
    generators: Sequence[np.random.Generator] | None,
    beside: Mapping[str, np.ndarray],
) -> Acted:
    context = _context(policy, rows, beside) if beside else Context()
    return policy.act(observed.batch(rows), context, deterministic=generators is None, rngs=generators)


def _context(policy: Policy, rows: slice | np.ndarray, beside: Mapping[str, np.ndarray]) -> Context:
    given = {name: torch.tensor(values[rows], device=policy.device) for name, values in beside.items()}
    return Context(mask=given.get("mask"), state=given.get("state"))
