"""Exact Shapley values, by all coalitions of features."""

from functools import cache
from math import comb, prod

import torch
from torch import Tensor

from rltools.attributions._method import Result, RowScore, method


@method(
    unit="score",
    needs={"reference"},
    axioms={"linear", "dummy", "complete", "symmetric", "invariant"},
    forwards=lambda features, references, settings: 2**features * references,
    copies=lambda features, references, settings: 2**features,
    largest=12,
)
def shapley(score: RowScore, x: Tensor, *, reference: Tensor) -> Result:
    """What each feature adds to the score, averaged over every order in which features could be learnt.

    A coalition's worth is the mean score over the references with the coalition's features taken from this state
    (interventional). All coalitions are computed, so nothing is sampled; the values of a row sum to its score minus
    the mean score of the references.

    Args:
        score: `[batch, ..., *feature] -> [batch, ..., target]`.
        x: float `[batch, *feature]`, at most 12 entries a row.
        reference: float `[reference, *feature]`.

    Returns:
        values `[batch, target, *feature]` in units of the score; residual `[batch, target]`, of rounding alone.

    Shapley: A Value for n-Person Games (1953); Lundberg, Lee: A Unified Approach to Interpreting Model Predictions
    (2017).
    """
    features = prod(x.shape[1:])
    member, without, weight = (part.to(x.device) for part in _coalitions(features))
    chosen = member.reshape(1, -1, *x.shape[1:])
    with torch.no_grad():
        worth = torch.zeros(len(x), len(member), score.outputs, dtype=x.dtype, device=x.device)
        for start in reference:  # one at a time, to bound the memory
            worth += score(torch.where(chosen, x[:, None], start))
        worth /= len(reference)
        # Differences first: what a feature adds nowhere is then 0 exactly, and not the rounding of a long sum.
        weight = weight.to(x)
        added = [
            torch.einsum("c,bct->bt", weight, worth[:, others + 2**feature] - worth[:, others])
            for feature, others in enumerate(without)
        ]
        values = torch.stack(added, dim=2)
        residual = worth[:, -1] - worth[:, 0] - values.sum(2)
    return Result(values.reshape(len(x), score.outputs, *x.shape[1:]), residual=residual)


@cache
def _coalitions(features: int) -> tuple[Tensor, Tensor, Tensor]:
    """The coalitions by number, the bits of which are their members.

    Returns:
        Who is in each, bool `[2**features, features]`; the numbers of those without each feature, int64
        `[features, 2**(features - 1)]`; and the weight of joining them, by their place in a row of that, float64.
    """
    codes = torch.arange(2**features)
    member = (codes[:, None] >> torch.arange(features)) % 2 == 1
    without = torch.stack([codes[~member[:, feature]] for feature in range(features)])
    # Every row has its coalitions in the same order of the other features' bits, and so the same sizes.
    sizes = member[without[0]].sum(1).tolist()
    weight = torch.tensor([1 / (features * comb(features - 1, size)) for size in sizes], dtype=torch.float64)
    return member, without, weight
