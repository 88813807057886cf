"""Makes one decision of the policy for all running episodes, each independent of the others to the last bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from inspect import signature
from typing import Any
from weakref import WeakKeyDictionary

import gymnasium
import numpy as np
import torch

from rltools._util.text import cut, one_line
from rltools.errors import SimulationError
from rltools.policies.base import ActResult, Context, Policy
from rltools.policies.device_memory import halving
from rltools.rollout.observations import CurrentObservations

BLOCK = 16
"""The exact number of rows per forward pass for vector observations, because BLAS rounds by batch size."""


def padded_rows(policy: Policy, rows: int) -> int:
    """How many rows the network gets for so many episodes."""
    return -(-rows // BLOCK) * BLOCK if _in_blocks(policy) else rows


def _in_blocks(policy: Policy) -> bool:
    """Whether rows go through the policy in blocks: vectors, unless their number changes nothing; see `HasLimits`."""
    return len(policy.features.shape) == 1 and getattr(policy, "rounds_by_batch", True)


def act(
    policy: Policy,
    observed: CurrentObservations,
    slots: slice | np.ndarray,
    generators: Sequence[np.random.Generator] | None,
    extras: Mapping[str, np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Actions, scores and next recurrent states of the episodes in some slots.

    With generators, one for each slot, actions are sampled. Vectors are padded to whole blocks with other rows of
    `observed`.
    """
    count = slots.stop if isinstance(slots, slice) else len(slots)
    rows = padded_rows(policy, count)
    if rows == count:
        padded = slots
    elif isinstance(slots, slice):
        padded = slice(0, rows)
    else:
        padded = np.concatenate([slots, slots[np.zeros(rows - count, np.int64)]])
    if generators is not None:  # padding must not draw from an episode's own generator
        generators = [*generators, *[_PADDING] * (rows - count)]
    at_once = rows <= BLOCK or not _in_blocks(policy)
    splits = not at_once and generators is None and _splits(policy)
    if at_once or splits:
        with suppress(torch.cuda.OutOfMemoryError):  # many images
            acted = _act(policy, observed, padded, generators, extras, **({"block": BLOCK} if splits else {}))
            state = None if acted.state is None else acted.state[:count].numpy(force=True)
            return acted.actions[:count], acted.scores[:count], state
    index = np.arange(rows) if isinstance(padded, slice) else padded

    def act_some(part: slice, _: int) -> ActResult:
        return _act(policy, observed, index[part], None if generators is None else generators[part], extras)

    parts = [acted for _, acted in halving(rows, BLOCK, act_some)]
    actions, scores = (np.concatenate([getattr(part, name) for part in parts]) for name in ("actions", "scores"))
    states = [part.state.numpy(force=True) for part in parts if part.state is not None]
    return actions[:count], scores[:count], np.concatenate(states)[:count] if states else None


_PADDING = np.random.default_rng(0)


def _splits(policy: Policy) -> bool:
    """Whether the policy itself passes its rows through the network in blocks, with less work around each block."""
    if policy.state_size or policy.features.is_nested:
        return False
    function: Any = getattr(policy.act, "__func__", policy.act)  # a subclass or a view may have one of its own
    if function not in _TAKES_BLOCKS:
        _TAKES_BLOCKS[function] = "block" in signature(function).parameters
    return _TAKES_BLOCKS[function]


_TAKES_BLOCKS: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


def _act(
    policy: Policy,
    observed: CurrentObservations,
    rows: slice | np.ndarray,
    generators: Sequence[np.random.Generator] | None,
    extras: Mapping[str, np.ndarray],
    **blocks: int,
) -> ActResult:
    context = _context(policy, rows, extras) if extras else Context()
    return policy.act(observed.batch(rows), context, deterministic=generators is None, rngs=generators, **blocks)


def _context(policy: Policy, rows: slice | np.ndarray, extras: Mapping[str, np.ndarray]) -> Context:
    tensors = {name: torch.tensor(values[rows], device=policy.device) for name, values in extras.items()}
    return Context(mask=tensors.get("mask"), state=tensors.get("state"))


def allowed_actions(env: gymnasium.Env[Any, Any], info: dict[str, Any], policy: Policy) -> np.ndarray:
    """The action mask, bool `[k]`: from `env.action_masks()`, as in sb3-contrib, else from `info["action_mask"]`.

    Raises:
        SimulationError: there is neither, or it is not a mask; see `checked_mask`.
    """
    if env.has_wrapper_attr("action_masks"):
        return checked_mask(env.get_wrapper_attr("action_masks")(), policy, "the mask of action_masks()")
    if "action_mask" in info:
        return checked_mask(info["action_mask"], policy, "info['action_mask']")
    raise SimulationError(
        "the policy chooses among allowed actions only, and the environment does not say which these are: add a method "
        "action_masks(), or info['action_mask']"
    )


def checked_mask(mask: Any, policy: Policy, name: str) -> np.ndarray:
    """An action mask as bool `[k]`, one element per action, or per value of each choice in order.

    For several choices it may also be a sequence of masks.

    Args:
        mask: booleans, or zeros and ones.
        policy: the policy whose actions are masked.
        name: the name of the mask, for errors.

    Raises:
        SimulationError: other values, another number of them, or a choice without an allowed value.
    """
    sizes = policy.branches
    if isinstance(mask, list | tuple) and len(mask) == len(sizes) > 1 and all(np.ndim(part) == 1 for part in mask):
        if [len(part) for part in mask] != list(sizes):
            raise SimulationError(
                f"{name} has masks of {[len(part) for part in mask]} values, and the choices have {list(sizes)}"
            )
        mask = np.concatenate([np.asarray(part) for part in mask])
    try:
        values = np.asarray(mask)
    except ValueError:
        values = np.empty(0, object)
    if values.dtype.kind not in "biuf" or not np.isin(values, (0, 1)).all():
        raise SimulationError(
            f"{name} is {_short(mask)}, of {type(mask).__name__}; it must be {sum(sizes)} booleans, or zeros and "
            f"ones, one for each action"
        )
    allowed = values.astype(bool).reshape(-1)
    if len(allowed) != sum(sizes):
        raise SimulationError(
            f"{name} has {len(allowed)} elements (shape {list(values.shape)}), and there are {sum(sizes)} actions"
        )
    start = 0
    for number, size in enumerate(sizes):
        if not allowed[start : start + size].any():
            nothing = f"no value of choice {number}" if len(sizes) > 1 else "no action at all"
            raise SimulationError(f"{name} allows {nothing}; the environment must allow one, or end the episode")
        start += size
    return allowed


def checked_masks(masks: Any, policy: Policy, rows: int, name: str) -> np.ndarray:
    """The action masks of a vector environment, bool `[row, k]`.

    Raises:
        SimulationError: there is not one mask per row, or a mask is invalid; see `checked_mask`.
    """
    if not hasattr(masks, "__len__") or len(masks) != rows:
        raise SimulationError(
            f"{name} is {_short(masks)}, of {type(masks).__name__}; it must be a mask for each of {rows} environments"
        )
    return np.stack([checked_mask(row, policy, f"{name}[{number}]") for number, row in enumerate(masks)])


def _short(value: Any) -> str:
    return cut(one_line(repr(value)), 80)
