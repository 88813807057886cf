"""Shapley values by sampled orders of features, for any number of them."""

from collections.abc import Mapping
from functools import partial
from math import ceil
from typing import Any

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
from rltools.errors import ArgumentError
from rltools.targets.draws import DrawSums
from rltools.targets.function import TargetFunction


def _pairs(permutations: int, references: int) -> int:
    """How many orders, each with its reverse, are used for each reference; fewer than two have no spread."""
    return max(2, ceil(permutations / (2 * max(1, references))))


def _cost(parts: int, references: int, settings: Mapping[str, Any]) -> Cost:
    compared = count_compared(references, settings)
    copies = 2 * parts * _pairs(settings["permutations"], compared)
    return Cost(compared * copies, copies)


@method(unit=Unit.SCORE, needs={"references"}, axioms={"linear", "dummy", "complete", "invariant"}, cost=_cost)
def sampled_shapley(
    f: TargetFunction,
    x: Tensor,
    *,
    references: Tensor,
    permutations: int = 64,
    nearest: int = 0,
    groups: Groups | None = None,
    seed: int = 0,
) -> Result:
    """What each feature adds to the target value, averaged over random orders in which features could be learned.

    An estimate of what `shapley` computes, for any number of features. In each order the features of a reference are
    replaced by this state's one after another, and each is credited with its change; the reverse order follows, so that
    early features come late (antithetic). The values of a row sum to its target value minus the references' mean.

    Args:
        f: the target function, `[batch, ..., *feature] -> [batch, ..., target]`.
        x: float `[batch, *feature]`.
        references: float `[reference, *feature]`.
        permutations: the least number of orders, reverse ones included. All references have equally many, and at least
            two pairs, so with 8 references there are 32, 48, 64, ...
        nearest: how many of the nearest references each row is compared with; 0 for all. See `shapley`.
        groups: positions of a row's elements, row-major, that are one player together: its value is spread evenly over
            its elements. None for each element by itself.
        seed: of the orders, which all rows share.

    Returns:
        values `[batch, target, *feature]` in units of the target value; standard_error of that shape, of sampling
        orders with these references, from the differences of pairs of the same reference: right on average, and itself
        rough for few pairs; residual `[batch, target]`, only rounding, against the mean over the row's own nearest
        references if only those are used.

    Raises:
        ArgumentError: fewer than one permutation, nearest is negative, or an element is in no group or in two.

    Castro, Gómez, Tejada: Polynomial Calculation of the Shapley Value Based on Sampling (2009); Mitchell, Cooper,
    Frank, Holmes: Sampling Permutations for Shapley Value Estimation (2022).

    Example:
        >>> import torch
        >>> from rltools.testing import PlainFunction
        >>> from rltools.attributions.sampled_shapley import sampled_shapley
        >>> f = PlainFunction(lambda x: x[:, :1] * x[:, 1:], outputs=1)
        >>> x = torch.tensor([[1.0, -2.0]])
        >>> sampled_shapley(f, x, references=torch.zeros(1, 2)).values.tolist()
        [[[-1.0, -1.0]]]
    """
    if permutations < 1:
        raise ArgumentError(f"permutations is {permutations}; it must be at least 1")
    owner = owners(x, groups)
    players = len(owner) if groups is None else len(groups)
    with torch.no_grad():
        compared = nearest_references(f, x, references, nearest)
        count = len(compared)
        pairs = _pairs(permutations, count)
        generator = torch.Generator().manual_seed(seed)
        ranks = torch.rand(count, pairs, players, dtype=torch.float64, generator=generator).argsort(2).to(x.device)
        sums, shape = DrawSums(count, leave_one_out=f.leave_one_out), x.shape[1:]
        variance = torch.zeros(len(x), players, f.outputs, dtype=x.dtype, device=x.device)
        difference = torch.zeros_like(variance[:, 0])
        for reference, rank in zip(compared, ranks, strict=True):  # one at a time, to bound the memory
            values = coalition_values(f, x, reference, partial(_walk, rank), 2 * rank.numel(), owner)
            walks = values.view(len(x), pairs, 2 * players, f.outputs)
            added = _added(walks, rank)
            rounding = rounding_of(values.transpose(1, 2))[:, None, None]
            added = added.masked_fill(added.abs().amax(1, keepdim=True) < rounding, 0)
            mean = added.mean(1)
            sums.add(spread_evenly(mean.transpose(1, 2), owner, shape))
            variance += (added - mean[:, None]).square().sum(1) / (pairs * (pairs - 1))
            difference += (walks[:, :, players] - walks[:, :, 0]).mean(1)
        mean = sums.mean()
        error = (variance.sqrt() / count).transpose(1, 2)
        residual = difference / count - mean.flatten(2).sum(2)
        # Without one of the references, others would be the nearest.
        without = None if count < len(references) else sums.without()
    return Result(mean, residual=residual, standard_error=spread_evenly(error, owner, shape), without=without)


def _walk(rank: Tensor, steps: Tensor) -> Tensor:
    """The players that have joined after each number of steps: bool `[step, player]`.

    In a round of two steps for each player all join, by their `rank [pair, player]`, and leave again in the same order:
    the players that remain are the first of the reverse order.
    """
    players = rank.shape[1]
    step, of_round = (steps % (2 * players))[:, None], rank[steps // (2 * players)]
    return (of_round < step) & (of_round >= step - players)


def _added(walks: Tensor, rank: Tensor) -> Tensor:
    """Turn coalition values `[batch, pair, step, target]` into contributions `[batch, pair, player, target]`."""
    players = rank.shape[1]
    change = walks.roll(-1, 2) - walks
    added = (change[:, :, :players] - change[:, :, players:]) / 2
    order = rank[None, :, :, None].expand(len(walks), -1, -1, walks.shape[3])
    return added.gather(2, order)
