"""The logarithm of the probability of an action, among those allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rltools.targets.scores._score import Rows, log_probabilities, score

if TYPE_CHECKING:
    from torch import Tensor


@score(
    meaning="the logarithm of the probability of {}",
    title="the log-probability of {}",
    noun="log-probability",
    head="logit",
    missing="log_probability is about the probabilities of actions, and it has none, because no head gives logits",
    forbidden_is_missing=True,
)
def log_probability(outputs: Tensor, rows: Rows) -> Tensor:
    """The log-softmax of the logits of the allowed actions of each choice."""
    return log_probabilities(outputs, rows)
