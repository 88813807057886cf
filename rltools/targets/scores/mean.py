"""The network's output for a continuous action, before it is squashed or clipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rltools.targets.scores._score import Rows, score

if TYPE_CHECKING:
    from torch import Tensor


@score(meaning="the mean that {} is drawn around", title="the mean of {}", noun="action", linear=lambda outputs: 0.0)
def mean(outputs: Tensor, rows: Rows) -> Tensor:
    """The outputs of the head "mean", one for each dimension of the action."""
    return outputs
