"""How undecided the policy is, in nats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rltools.targets.scores._score import Rows, log_probabilities, score

if TYPE_CHECKING:
    from torch import Tensor


@score(
    meaning="how undecided the policy is",
    title="the policy's entropy",
    noun="entropy",
    head="logit",
    missing="entropy is about the probabilities of actions, and it has none, because no head gives logits",
    of_state=True,
)
def entropy(outputs: Tensor, rows: Rows) -> Tensor:
    """The entropy of the distribution of actions, summed over choices, which are made independently."""
    # Written out, because the derivative of torch.special.entr is infinite if a probability underflows to 0.
    logs = log_probabilities(outputs, rows)
    return -(logs.exp() * logs).sum(dim=-1, keepdim=True)
