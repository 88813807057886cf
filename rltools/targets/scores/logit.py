"""The raw score of an action, before scores become probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rltools.targets.scores._score import Rows, score

if TYPE_CHECKING:
    from torch import Tensor


@score(
    meaning="the raw score of {}, before scores become probabilities",
    title="the logit of {}",
    noun="logit",
    linear=lambda outputs: 0.0,
)
def logit(outputs: Tensor, rows: Rows) -> Tensor:
    """The outputs of the head "logit"."""
    return outputs
