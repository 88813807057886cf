"""What a policy decides, as numbers that can be compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from rltools.policies.base import Policy, positions
from rltools.spaces.axes import bounds_of

DECISION = "decision"
"""The target; of no action, in no difference, and alone."""


def decided(policy: Policy, scores: Tensor) -> Tensor:
    """Scores `[..., k]` of a policy's first head -> what it decides by them, of the scores' dtype, without a gradient.

    `[..., choice]` positions of actions where it chooses among several; `[..., dimension]` the values the environment
    receives, divided by how far they can range, of continuous actions. NaN where a score is NaN.
    """
    outcomes = len(policy.branches) or len(policy.action_names)
    lead = scores.shape[:-1]
    if scores.numel() == 0:
        return scores.new_zeros(*lead, outcomes)
    found = positions(policy, policy.choose(scores.reshape(-1, scores.shape[-1]))).to(scores).reshape(*lead, outcomes)
    ranges = action_ranges(policy)
    if ranges is not None:
        found = found / torch.as_tensor(ranges).to(scores)
    return found.masked_fill(scores.isnan().any(-1, keepdim=True), torch.nan)


def action_ranges(policy: Policy) -> np.ndarray | None:
    """float64 `[dimension]`, the highest less the lowest value of each; None for discrete actions.

    Infinite where an action has no bounds (see `bounds_of`); 1 where it can have but one value.
    """
    if policy.branches:
        return None
    space: Any = policy.action_space
    low, high = bounds_of(space)
    ranges = (high - low).reshape(-1)
    return np.where(ranges > 0, ranges, 1.0)


def written_bounds(policy: Policy, name: str) -> str:
    """The bounds that stand for none in an action of this name: `, from -3.4e+38 to 3.4e+38,`; "" for infinite ones."""
    space: Any = policy.action_space
    at = policy.action_names.index(name)
    low, high = (float(end.reshape(-1)[at]) for end in (space.low, space.high))
    return f", from {low:.3g} to {high:.3g}," if np.isfinite([low, high]).all() else ""


def unbounded_action(policy: Policy) -> str:
    """The name of an action's dimension that has no bounds, so that a change of it has no measure; "" for none."""
    ranges = action_ranges(policy)
    without = [] if ranges is None else np.flatnonzero(~np.isfinite(ranges)).tolist()
    return policy.action_names[without[0]] if without else ""


def decision_labels(policy: Policy) -> tuple[str, ...]:
    """A label for each number that `decided` gives."""
    if not policy.branches:
        return tuple(f"{DECISION}:{name}" for name in policy.action_names)
    if len(policy.branches) == 1:
        return (DECISION,)
    return tuple(f"{DECISION}[{choice}]" for choice in range(len(policy.branches)))
