"""Exact Shapley values, by all coalitions of features."""

from functools import cache
from math import comb

import torch
from torch import Tensor

from rltools.attributions._support.coalitions import (
    Groups,
    coalition_values,
    compared,
    owners,
    rounding,
    spread,
    starts,
)
from rltools.attributions._support.draws import DrawSums
from rltools.attributions._support.method import Result, TargetFunction, method

MOST_JOINING = 1 << 22
"""What a player adds to a coalition, of all of both, is computed for so many at once, some targets at a time."""


@method(
    unit="score",
    needs={"references"},
    axioms={"linear", "dummy", "complete", "symmetric", "invariant"},
    forwards=lambda features, references, settings: 2**features * compared(references, settings),
    copies=lambda features, references, settings: 2**features,
    largest=12,
)
def shapley(
    score: TargetFunction, x: Tensor, *, references: Tensor, nearest: int = 0, groups: Groups | None = None
) -> Result:
    """What each feature adds to the score, averaged over every order in which features could be learned.

    A coalition's worth is the mean score over the references with the coalition's features taken from this state
    (interventional). All coalitions are computed, so nothing is sampled; the values of a row sum to its score minus
    the mean score of the references it is compared with.

    Args:
        score: `[batch, ..., *feature] -> [batch, ..., target]`.
        x: float `[batch, *feature]`, at most 12 entries a row, or any number in at most 12 groups.
        references: float `[reference, *feature]`.
        nearest: of the references, how many of the nearest each row is compared with; 0 for all. Near ones keep the
            coalitions near states that occur: `explain(references=256, nearest=8)` compares with the 8 nearest of 256
            visited states. Distances are in standard deviations of each feature over the references; features that do
            not vary there count nothing, and the earlier of two equally near references is taken.
        groups: positions of a row's entries, row-major, that are one player together: its value is spread evenly over
            its entries. None for each entry by itself.

    Returns:
        values `[batch, target, *feature]` in units of the score; residual `[batch, target]`, of rounding alone, against
        the mean score of the row's own nearest references where only those are used.

    Raises:
        ArgumentError: nearest is negative, or an entry is in no group or in two.

    Shapley: A Value for n-Person Games (1953); Lundberg, Lee: A Unified Approach to Interpreting Model Predictions
    (2017).

    Example:
        >>> import torch
        >>> from rltools.testing import PlainFunction
        >>> from rltools.attributions.shapley import shapley
        >>> score = PlainFunction(lambda x: x[:, :1] * x[:, 1:], outputs=1)
        >>> x = torch.tensor([[1.0, -2.0]])
        >>> shapley(score, x, references=torch.zeros(1, 2)).values.tolist()
        [[[-1.0, -1.0]]]
    """
    owner = owners(x, groups)
    players = len(owner) if groups is None else len(groups)
    with torch.no_grad():
        compared_with = starts(score, x, references, nearest)
        sums, count, shape = (
            DrawSums(len(compared_with), leave_one_out=score.leave_one_out),
            len(compared_with),
            x.shape[1:],
        )
        for start in compared_with:  # one at a time, to bound the memory
            sums.add(_all_worths(score, x, start, owner, players))
        worth = sums.mean()
        values = _values(worth, players)
        residual = worth[:, -1] - worth[:, 0] - values.sum(2)
        # Which of them are nearest is another matter without one of them.
        without = None if count < len(references) else sums.without()
        if without is not None:
            without = torch.stack([spread(_values(part, players), owner, shape) for part in without])
    return Result(spread(values, owner, shape), residual=residual, without=without)


def _all_worths(score: TargetFunction, x: Tensor, start: Tensor, owner: Tensor, players: int) -> Tensor:
    """The worths of all coalitions, numbered by the bits of who is in: `[batch, 2**players, target]`.

    Players whose entries are those of `start` in every row change nothing, and coalitions are not tried with and
    without them: where no leg of a lander touches the ground, that saves three quarters.
    """
    moving = torch.unique(owner[(x != start).flatten(1).any(0)])
    bits = torch.arange(len(moving), device=x.device)

    def members(codes: Tensor) -> Tensor:
        kept = torch.zeros(len(codes), players, dtype=torch.bool, device=x.device)
        kept[:, moving] = (codes[:, None] >> bits) % 2 == 1
        return kept

    worth = coalition_values(score, x, start, members, 2 ** len(moving), owner)
    if len(moving) == players:
        return worth
    codes = torch.arange(2**players, device=x.device)
    return worth[:, ((codes[:, None] >> moving) % 2 << bits).sum(1)]


def _values(worth: Tensor, players: int) -> Tensor:
    """From worths `[batch, 2**players, target]`, numbered by the bits of who is in, to `[batch, target, player]`."""
    at_once = max(1, MOST_JOINING // max(1, len(worth) * players * 2 ** (players - 1)))
    return torch.cat([_values_at_once(of_targets, players) for of_targets in torch.split(worth, at_once, dim=2)], dim=1)


def _values_at_once(worth: Tensor, players: int) -> Tensor:
    """The same of some of the targets: what all players add to all coalitions is held at once."""
    # Contiguous along the coalitions, over which everything is summed.
    worth = worth.transpose(1, 2).contiguous()
    weight, added = _weight(players).to(worth), []
    for player in range(players):
        halves = worth.view(*worth.shape[:2], 2 ** (players - 1 - player), 2, 2**player)
        added.append((halves[:, :, :, 1] - halves[:, :, :, 0]).flatten(2))
    joining = torch.stack(added, 2)
    return (joining @ weight).masked_fill(joining.abs().amax(3) < rounding(worth)[:, :, None], 0)


@cache
def _weight(players: int) -> Tensor:
    """How much each coalition of the others counts, by its number: float64 `[2**(players - 1)]`."""
    # The others' bits are in the same order whoever is left out, and so are the sizes of their coalitions.
    sizes = [code.bit_count() for code in range(2 ** (players - 1))]
    return torch.tensor([1 / (players * comb(players - 1, size)) for size in sizes], dtype=torch.float64)
