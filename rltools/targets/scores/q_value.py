"""The return that the network expects of an action."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rltools.targets.scores._score import Rows, score

if TYPE_CHECKING:
    from torch import Tensor


@score(
    meaning="the return that the network expects of {}",
    title="the Q-value of {}",
    noun="Q-value",
    of_state=lambda policy: not policy.branches,
    linear=lambda outputs: 0.0,
)
def q_value(outputs: Tensor, rows: Rows) -> Tensor:
    """The outputs of the head "q_value"; for continuous actions one number, the value of the action taken."""
    return outputs
