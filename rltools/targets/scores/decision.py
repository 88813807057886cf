"""The policy's decision, as numbers that can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rltools.targets.scores._score import Rows, score

if TYPE_CHECKING:
    from torch import Tensor

    from rltools.policies.base import Policy

DECISION = "decision"
"""The name of the score, which is also the whole text of its target."""


@score(
    meaning="what the policy does",
    title="the decision",
    head=None,
    available=lambda policy: not unbounded_action(policy),
    alone=True,
)
def decision(outputs: Tensor, rows: Rows) -> Tensor:
    """Outputs `[batch, ..., k]` of the deciding head -> `[batch, ..., choice or dimension]`, without a gradient.

    The numbers are positions of actions if the policy chooses among several; for continuous actions, they are the
    values that the environment receives, divided by their range. NaN if an output is NaN.
    """
    from rltools.policies.decide import positions

    policy, allowed = rows.policy, rows.allowed(outputs)
    if allowed is not None:
        outputs = outputs.masked_fill(~allowed, -np.inf)
    numbers = len(policy.branches) or len(policy.action_names)
    lead = outputs.shape[:-1]
    if outputs.numel() == 0:
        return outputs.new_zeros(*lead, numbers)
    chosen = policy.choose(outputs.reshape(-1, outputs.shape[-1]))
    decided = positions(policy, chosen).to(outputs).reshape(*lead, numbers)
    ranges = action_ranges(policy)
    if ranges is not None:
        decided = decided / decided.new_tensor(ranges)
    return decided.masked_fill(outputs.isnan().any(-1, keepdim=True), np.nan)


def action_ranges(policy: Policy) -> np.ndarray | None:
    """float64 `[dimension]`, the highest minus the lowest value of each; None for discrete actions.

    Infinite if an action has no bounds (see `bounds_of`); 1 if it can have one value only.
    """
    from rltools.spaces.axes import bounds_of

    if policy.branches:
        return None
    low, high = bounds_of(policy.action_space)  # type: ignore[arg-type]
    ranges = (high - low).reshape(-1)
    return np.where(ranges > 0, ranges, 1.0)


def unbounded_action(policy: Policy) -> str:
    """The name of the first dimension of the action without bounds, so that no change of it has a size; "" for none."""
    ranges = action_ranges(policy)
    without = [] if ranges is None else np.flatnonzero(~np.isfinite(ranges)).tolist()
    return policy.action_names[without[0]] if without else ""


def decision_labels(policy: Policy) -> tuple[str, ...]:
    """A label for each number of the decision."""
    if not policy.branches:
        return tuple(f"{DECISION}:{name}" for name in policy.action_names)
    if len(policy.branches) == 1:
        return (DECISION,)
    return tuple(f"{DECISION}[{choice}]" for choice in range(len(policy.branches)))
