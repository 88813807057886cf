"""The probability of an action, among those allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rltools.targets.scores._score import Rows, log_probabilities, score

if TYPE_CHECKING:
    from torch import Tensor


@score(
    meaning="the probability of {}",
    title="the probability of {}",
    noun="probability",
    head="logit",
    missing="probability is about the probabilities of actions, and it has none, because no head gives logits",
)
def probability(outputs: Tensor, rows: Rows) -> Tensor:
    """The softmax of the logits of the allowed actions of each choice."""
    return log_probabilities(outputs, rows).exp()
