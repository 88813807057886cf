"""The deciding head's score of an action, less the mean over the allowed actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rltools.targets.scores._score import Rows, each_choice, score

if TYPE_CHECKING:
    from torch import Tensor


@score(
    meaning="the raw score of {}, less the mean over the allowed actions, because what they share decides nothing",
    title="the score of {} (centered)",
    head=None,
    available=lambda policy: bool(policy.branches),
    linear=lambda outputs: -1 / outputs,
)
def centered(outputs: Tensor, rows: Rows) -> Tensor:
    """The outputs minus their mean over the allowed actions of the same choice."""
    return each_choice(_less_mean, outputs, rows)


def _less_mean(outputs: Tensor, allowed: Tensor | None) -> Tensor:
    if allowed is None:
        return outputs - outputs.mean(dim=-1, keepdim=True)
    weights = allowed.to(outputs.dtype)
    return outputs - (outputs * weights).sum(dim=-1, keepdim=True) / weights.sum(dim=-1, keepdim=True)
