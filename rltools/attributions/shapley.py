"""Exact Shapley values, by all coalitions of features."""

from functools import cache
from math import comb

import torch
from torch import Tensor

from rltools.attributions._support.coalitions import (
    Groups,
    coalition_values,
    count_compared,
    nearest_references,
    owners,
    rounding_of,
    spread_evenly,
)
from rltools.attributions._support.method import method
from rltools.attributions._support.result import Cost, Result
from rltools.attributions._support.units import Unit
from rltools.targets.function import TargetFunction

MOST_JOINING = 1 << 22
"""The most differences, over all players and coalitions, computed together; with more, some targets at a time."""


@method(
    unit=Unit.SCORE,
    needs={"references"},
    axioms={"linear", "dummy", "complete", "symmetric", "invariant"},
    cost=lambda parts, references, settings: Cost(2**parts * count_compared(references, settings), copies=2**parts),
    largest=12,
)
def shapley(
    f: TargetFunction, x: Tensor, *, references: Tensor, nearest: int = 0, groups: Groups | None = None
) -> Result:
    """What each feature adds to the target value, averaged over every order in which features could be learned.

    A coalition's value is the mean target value over the references with the coalition's features taken from this state
    (interventional). All coalitions are computed, so nothing is sampled; the values of a row sum to its target value
    minus the mean over the references it is compared with.

    Args:
        f: the target function, `[batch, ..., *feature] -> [batch, ..., target]`.
        x: float `[batch, *feature]`, at most 12 elements a row, or any number in at most 12 groups.
        references: float `[reference, *feature]`.
        nearest: how many of the nearest references each row is compared with; 0 for all. Near ones keep the coalitions
            near states that occur: `explain(references=256, nearest=8)` compares with the 8 nearest of 256 visited
            states. Distances are in standard deviations of each feature over the references and ignore features that
            do not vary there; the earlier of two equally near references is taken.
        groups: positions of a row's elements, row-major, that are one player together: its value is spread evenly over
            its elements. None for each element by itself.

    Returns:
        values `[batch, target, *feature]` in units of the target value; residual `[batch, target]`, only rounding,
        against the mean over the row's own nearest references if only those are used.

    Raises:
        ArgumentError: nearest is negative, or an element is in no group or in two.

    Shapley: A Value for n-Person Games (1953); Lundberg, Lee: A Unified Approach to Interpreting Model Predictions
    (2017).

    Example:
        >>> import torch
        >>> from rltools.testing import PlainFunction
        >>> from rltools.attributions.shapley import shapley
        >>> f = PlainFunction(lambda x: x[:, :1] * x[:, 1:], outputs=1)
        >>> x = torch.tensor([[1.0, -2.0]])
        >>> shapley(f, x, references=torch.zeros(1, 2)).values.tolist()
        [[[-1.0, -1.0]]]
    """
    owner = owners(x, groups)
    players = len(owner) if groups is None else len(groups)
    with torch.no_grad():
        compared = nearest_references(f, x, references, nearest)
        coalitions, without = f.mean_over(compared, lambda reference: _all_coalitions(f, x, reference, owner, players))
        values = _shapley_values(coalitions, players)
        residual = coalitions[:, -1] - coalitions[:, 0] - values.sum(2)
        # Without one of the references, others would be the nearest.
        if without is not None and len(compared) == len(references):
            blocks = [spread_evenly(_shapley_values(part, players), owner, x.shape[1:]) for part in without]
            return Result(spread_evenly(values, owner, x.shape[1:]), residual, without=torch.stack(blocks))
    return Result(spread_evenly(values, owner, x.shape[1:]), residual)


def _all_coalitions(f: TargetFunction, x: Tensor, reference: Tensor, owner: Tensor, players: int) -> Tensor:
    """The values of all coalitions, numbered by the bits of their members: `[batch, 2**players, target]`.

    Players whose elements equal the reference's in every row change nothing, so coalitions are not tried both with and
    without them: while neither leg of a lander touches the ground, that saves three quarters.
    """
    moving = torch.unique(owner[(x != reference).flatten(1).any(0)])
    bits = torch.arange(len(moving), device=x.device)

    def members(codes: Tensor) -> Tensor:
        is_member = torch.zeros(len(codes), players, dtype=torch.bool, device=x.device)
        is_member[:, moving] = (codes[:, None] >> bits) % 2 == 1
        return is_member

    values = coalition_values(f, x, reference, members, 2 ** len(moving), owner)
    if len(moving) == players:
        return values
    codes = torch.arange(2**players, device=x.device)
    return values[:, ((codes[:, None] >> moving) % 2 << bits).sum(1)]


def _shapley_values(coalitions: Tensor, players: int) -> Tensor:
    """Turn coalition values `[batch, 2**players, target]`, by their members' bits, into `[batch, target, player]`."""
    together = max(1, MOST_JOINING // max(1, len(coalitions) * players * 2 ** (players - 1)))
    parts = [_of_some_targets(of_targets, players) for of_targets in torch.split(coalitions, together, dim=2)]
    return torch.cat(parts, dim=1)


def _of_some_targets(coalitions: Tensor, players: int) -> Tensor:
    # Contiguous along the coalitions, over which everything is summed.
    values = coalitions.transpose(1, 2).contiguous()
    weight, added = _weight(players).to(values), []
    for player in range(players):
        halves = values.view(*values.shape[:2], 2 ** (players - 1 - player), 2, 2**player)
        added.append((halves[:, :, :, 1] - halves[:, :, :, 0]).flatten(2))
    joining = torch.stack(added, 2)
    return (joining @ weight).masked_fill(joining.abs().amax(3) < rounding_of(values)[:, :, None], 0)


@cache
def _weight(players: int) -> Tensor:
    """The weight of each coalition of the other players, by its number: float64 `[2**(players - 1)]`."""
    # The others' bits are in the same order whichever player is left out, and so are the sizes of their coalitions.
    sizes = [code.bit_count() for code in range(2 ** (players - 1))]
    return torch.tensor([1 / (players * comb(players - 1, size)) for size in sizes], dtype=torch.float64)
