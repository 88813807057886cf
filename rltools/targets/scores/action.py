"""A continuous action as the environment receives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rltools.targets.scores._score import Rows, score

if TYPE_CHECKING:
    from torch import Tensor


@score(meaning="{}, as it is sent to the environment", title="{}", noun="action", linear=lambda outputs: 0.0)
def action(outputs: Tensor, rows: Rows) -> Tensor:
    """The outputs of the head "action", one for each dimension, squashed or clipped."""
    return outputs
