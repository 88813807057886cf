"""How far the policy's distribution is from the one at the recorded state, in nats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rltools.errors import TargetError
from rltools.targets.scores._score import LOGIT, PROBABILITY, Rows, log_probabilities, score, with_middle_axes

if TYPE_CHECKING:
    from torch import Tensor


@score(
    meaning="how far the policy's distribution is from the one at the recorded state",
    title="the divergence from the recorded distribution",
    noun="divergence",
    head=LOGIT,
    available=lambda policy: (
        policy.heads[0] in (LOGIT, PROBABILITY)
    ),  # a step is recorded with the outputs of the deciding head
    missing="kl compares with the recorded logits, and this policy is recorded with its {deciding}",
    of_state=True,
)
def kl(outputs: Tensor, rows: Rows) -> Tensor:
    """The Kullback-Leibler divergence KL(recorded || these), summed over choices, which are made independently.

    Raises:
        TargetError: the context has no recorded logits.
    """
    if rows.context.scores is None:
        raise TargetError(
            "kl compares with the scores at the observation itself, and none are given here; give them with "
            "Context(scores=...)"
        )
    recorded = with_middle_axes(log_probabilities(rows.context.scores, rows), outputs)
    return (recorded.exp() * (recorded - log_probabilities(outputs, rows))).sum(dim=-1, keepdim=True)
