"""One decision for each running episode, the same whatever other episodes run beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
import torch

from rltools.errors import SimulationError
from rltools.policies.base import ActResult, Context, Policy
from rltools.rollout.observations import Observed

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
) -> ActResult:
    context = _context(policy, rows, beside) if beside else Context()
    return policy.act(observed.batch(rows), context, deterministic=generators is None, rngs=generators)


def _context(policy: Policy, rows: slice | np.ndarray, beside: Mapping[str, np.ndarray]) -> Context:
    given = {name: torch.tensor(values[rows], device=policy.device) for name, values in beside.items()}
    return Context(mask=given.get("mask"), state=given.get("state"))


def allowed_actions(env: gymnasium.Env[Any, Any], info: dict[str, Any], policy: Policy) -> np.ndarray:
    """Bool `[k]`: from the environment's method `action_masks`, as sb3-contrib asks it, else `info["action_mask"]`.

    Raises:
        SimulationError: neither is there, or what is there is no such mask; see `checked_mask`.
    """
    if env.has_wrapper_attr("action_masks"):
        return checked_mask(env.get_wrapper_attr("action_masks")(), policy, "the mask of action_masks()")
    if "action_mask" in info:
        return checked_mask(info["action_mask"], policy, "info['action_mask']")
    raise SimulationError(
        "the policy chooses among those actions only that are allowed, and the environment does not say which: it "
        "needs a method action_masks(), or an info['action_mask']"
    )


def checked_mask(given: Any, policy: Policy, name: str) -> np.ndarray:
    """A mask of actions as bool `[k]`, one entry for each action, or for each value of each choice in a row.

    Where several actions are chosen at once it may also be one mask for each of them.

    Args:
        given: booleans, or zeros and ones.
        policy: whose actions.
        name: what errors call it.

    Raises:
        SimulationError: other values, another number of them, or a choice of which nothing is allowed.
    """
    sizes = policy.branches
    if isinstance(given, list | tuple) and len(given) == len(sizes) > 1 and all(np.ndim(part) == 1 for part in given):
        if [len(part) for part in given] != list(sizes):
            raise SimulationError(
                f"{name} has masks of {[len(part) for part in given]} values, and the choices have {list(sizes)}"
            )
        given = np.concatenate([np.asarray(part) for part in given])
    try:
        values = np.asarray(given)
    except ValueError:
        values = np.empty(0, object)
    if values.dtype.kind not in "biuf" or not np.isin(values, (0, 1)).all():
        raise SimulationError(
            f"{name} is {_shown(given)}, of {type(given).__name__}; it must be {sum(sizes)} booleans, or zeros and "
            f"ones, one for each action"
        )
    mask = values.astype(bool).reshape(-1)
    if len(mask) != sum(sizes):
        raise SimulationError(
            f"{name} says of {len(mask)} actions whether they are allowed (shape {list(values.shape)}); there are "
            f"{sum(sizes)}"
        )
    start = 0
    for number, size in enumerate(sizes):
        if not mask[start : start + size].any():
            which = f"no value of choice {number}" if len(sizes) > 1 else "no action at all"
            raise SimulationError(f"{name} allows {which}; the environment must allow one, or end the episode")
        start += size
    return mask


def checked_masks(given: Any, policy: Policy, rows: int, name: str) -> np.ndarray:
    """The masks of a vector of environments: bool `[row, k]`.

    Raises:
        SimulationError: not one for each row, or see `checked_mask`.
    """
    if not hasattr(given, "__len__") or len(given) != rows:
        raise SimulationError(
            f"{name} is {_shown(given)}, of {type(given).__name__}; it must be a mask for each of {rows} environments"
        )
    return np.stack([checked_mask(row, policy, f"{name}[{number}]") for number, row in enumerate(given)])


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."
