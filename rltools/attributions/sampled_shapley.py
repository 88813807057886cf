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
    compared,
    owners,
    rounding,
    spread,
    starts,
)
from rltools.attributions._support.draws import DrawSums
from rltools.attributions._support.method import Result, TargetFunction, method
from rltools.errors import ArgumentError


def _pairs(permutations: int, references: int) -> int:
    """How many orders, each with its reverse, are walked from each reference; fewer than two have no spread."""
    return max(2, ceil(permutations / (2 * max(1, references))))


def _copies(features: int, references: int, settings: Mapping[str, Any]) -> int:
    return 2 * features * _pairs(settings["permutations"], compared(references, settings))


@method(
    unit="score",
    needs={"references"},
    axioms={"linear", "dummy", "complete", "invariant"},
    forwards=lambda features, references, settings: (
        compared(references, settings) * _copies(features, references, settings)
    ),
    copies=_copies,
)
def sampled_shapley(
    score: TargetFunction,
    x: Tensor,
    *,
    references: Tensor,
    permutations: int = 64,
    nearest: int = 0,
    groups: Groups | None = None,
    seed: int = 0,
) -> Result:
    """What each feature adds to the score, averaged over random orders in which features could be learned.

    An estimate of what `shapley` computes, for any number of features. In each order the features of a reference are
    replaced by this state's one after another, and what each changes is its own; the reverse order follows, so that who
    came early comes late (antithetic). The values of a row sum to its score minus the mean score of the references.

    Args:
        score: `[batch, ..., *feature] -> [batch, ..., target]`.
        x: float `[batch, *feature]`.
        references: float `[reference, *feature]`.
        permutations: how many orders at least, reverse ones included. Each reference has as many as any other, and two
            pairs at least, so with 8 references there are 32, 48, 64, ...
        nearest: of the references, how many of the nearest each row is compared with; 0 for all. See `shapley`.
        groups: positions of a row's entries, row-major, that are one player together: its value is spread evenly over
            its entries. None for each entry by itself.
        seed: of the orders, which all rows share.

    Returns:
        values `[batch, target, *feature]` in units of the score; standard_error of that shape, of sampling orders with
        these references, from how pairs of the same reference differ: right on average, and itself rough where there
        are few pairs; residual `[batch, target]`, of rounding alone, against the mean score of the row's own nearest
        references where only those are used.

    Raises:
        ArgumentError: fewer than one permutation, nearest is negative, or an entry is in no group or in two.

    Castro, Gómez, Tejada: Polynomial Calculation of the Shapley Value Based on Sampling (2009); Mitchell, Cooper,
    Frank, Holmes: Sampling Permutations for Shapley Value Estimation (2022).

    Example:
        >>> import torch
        >>> from rltools.testing import PlainFunction
        >>> from rltools.attributions.sampled_shapley import sampled_shapley
        >>> score = PlainFunction(lambda x: x[:, :1] * x[:, 1:], outputs=1)
        >>> x = torch.tensor([[1.0, -2.0]])
        >>> sampled_shapley(score, x, references=torch.zeros(1, 2)).values.tolist()
        [[[-1.0, -1.0]]]
    """
    if permutations < 1:
        raise ArgumentError(f"permutations is {permutations}; it must be at least 1")
    owner = owners(x, groups)
    players = len(owner) if groups is None else len(groups)
    with torch.no_grad():
        compared_with = starts(score, x, references, nearest)
        count = len(compared_with)
        pairs = _pairs(permutations, count)
        generator = torch.Generator().manual_seed(seed)
        ranks = torch.rand(count, pairs, players, dtype=torch.float64, generator=generator).argsort(2).to(x.device)
        sums, shape = DrawSums(count, leave_one_out=score.leave_one_out), x.shape[1:]
        variance = torch.zeros(len(x), players, score.outputs, dtype=x.dtype, device=x.device)
        difference = torch.zeros_like(variance[:, 0])
        for start, rank in zip(compared_with, ranks, strict=True):  # one at a time, to bound the memory
            walked = coalition_values(score, x, start, partial(_walk, rank), 2 * rank.numel(), owner)
            worth = walked.view(len(x), pairs, 2 * players, score.outputs)
            added = _added(worth, rank)
            added = added.masked_fill(
                added.abs().amax(1, keepdim=True) < rounding(walked.transpose(1, 2))[:, None, None], 0
            )
            mean = added.mean(1)
            sums.add(spread(mean.transpose(1, 2), owner, shape))
            variance += (added - mean[:, None]).square().sum(1) / (pairs * (pairs - 1))
            difference += (worth[:, :, players] - worth[:, :, 0]).mean(1)
        values = sums.mean()
        error = (variance.sqrt() / count).transpose(1, 2)
        residual = difference / count - values.flatten(2).sum(2)
        without = None if count < len(references) else sums.without()
    return Result(values, residual=residual, standard_error=spread(error, owner, shape), without=without)


def _walk(rank: Tensor, steps: Tensor) -> Tensor:
    """Who has joined after so many steps: bool `[step, player]`.

    In a round of two steps a player all join, by their `rank [pair, player]`, and leave again in the same order: those
    who are still there are the first of the reverse order.
    """
    players = rank.shape[1]
    step, place = (steps % (2 * players))[:, None], rank[steps // (2 * players)]
    return (place < step) & (place >= step - players)


def _added(worth: Tensor, rank: Tensor) -> Tensor:
    """From the worths `[batch, pair, step, target]` to what each player added, `[batch, pair, player, target]`."""
    players = rank.shape[1]
    change = worth.roll(-1, 2) - worth
    added = (change[:, :, :players] - change[:, :, players:]) / 2
    place = rank[None, :, :, None].expand(len(worth), -1, -1, worth.shape[3])
    return added.gather(2, place)
