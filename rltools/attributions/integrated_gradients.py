"""Gradients integrated along the way from each reference state."""

from collections.abc import Iterator
from functools import cache

import numpy as np
import torch
from torch import Tensor

from rltools.attributions._support.completeness import TOLERANCE, is_complete, reference_scores, residual_of, spread_of
from rltools.attributions._support.draws import DrawSums
from rltools.attributions._support.method import Result, TargetFunction, gradients_at_once, method
from rltools.errors import ArgumentError


@method(
    unit="score",
    needs={"gradient", "references"},
    axioms={"linear", "dummy", "complete", "symmetric", "invariant"},
    forwards=lambda features, references, settings: 2 * settings["nodes"] * references,
    copies=lambda features, references, settings: 2 * settings["nodes"],
)
def integrated_gradients(
    score: TargetFunction,
    x: Tensor,
    *,
    references: Tensor,
    nodes: int = 16,
    most_nodes: int = 64,
    tolerance: float = TOLERANCE,
) -> Result:
    """What each feature adds to the score on the straight way from visited states to this one.

    The values of a row sum to its score minus the mean score of the references, up to the residual. Gauss-Legendre
    nodes are doubled, row by row, until the residual is small. Where it is not before the last doubling, because the
    score has kinks, the ways are cut into as many equal parts instead, and each part's two gradients are weighted so
    that they add up to its change of score: on a part with a single kink of a piecewise linear score that is exact.

    Args:
        score: `[batch, ..., *feature] -> [batch, ..., target]`.
        x: float `[batch, *feature]`.
        references: float `[reference, *feature]`; the mean over them is taken.
        nodes: at which the gradient is taken on each way, at first.
        most_nodes: at last.
        tolerance: the largest residual, as a share of the score's standard deviation over the references (of the
            score's difference, where there is one reference). Of ways in parts it is enough if half of what the last
            halving of the parts changed in any value is as small, as a share of that or of the row's largest value:
            kinks can leave a residual of values that are right.

    Returns:
        values `[batch, target, *feature]` in units of the score, residual `[batch, target]`, complete `[batch]`,
        whether the tolerance was kept.

    Raises:
        ArgumentError: fewer than one node.

    Sundararajan, Taly, Yan: Axiomatic Attribution for Deep Networks (2017).

    Example:
        >>> import torch
        >>> from rltools.testing import PlainFunction
        >>> from rltools.attributions.integrated_gradients import integrated_gradients
        >>> score = PlainFunction(lambda x: (x**2).sum(1, keepdim=True), outputs=1)
        >>> x = torch.tensor([[1.0, -2.0]])
        >>> result = integrated_gradients(score, x, references=torch.zeros(1, 2))
        >>> result.values.round(decimals=3).tolist(), result.residual.abs().max().item() < 1e-4
        ([[[1.0, 4.0]]], True)
    """
    if nodes < 1:
        raise ArgumentError(f"nodes is {nodes}; it must be at least 1")
    with torch.no_grad():
        ends = score(x)
    starts = reference_scores(score, x, references)
    sums = _integral(score, x, references, nodes)
    values, without = sums.mean(), sums.without()
    residual = residual_of(values, ends, starts)
    complete = is_complete(residual, ends, starts, tolerance)
    while 2 * nodes <= most_nodes and not complete.all():
        nodes *= 2
        rows = (~complete).nonzero()[:, 0]
        if 2 * nodes > most_nodes:
            # Each halving of the parts at least halves the error: what it changed is at least the error that is left.
            sums, change = _in_parts(score.rows(rows), x[rows], references, nodes)
            scale = torch.maximum(spread_of(ends[rows], starts[rows]), sums.mean().flatten(2).abs().amax(2))
            kept = (change / 2 <= tolerance * scale).all(1)
        else:
            sums, kept = _integral(score.rows(rows), x[rows], references, nodes), torch.zeros_like(complete[rows])
        values, more = values.index_copy(0, rows, sums.mean()), sums.without()
        if without is not None and more is not None:
            without = without.index_copy(1, rows, more)
        residual = residual_of(values, ends, starts)
        small = is_complete(residual[rows], ends[rows], starts[rows], tolerance)
        complete = complete.index_copy(0, rows, small | kept)
    return Result(values, residual=residual, complete=complete, without=without)


def _integral(score: TargetFunction, x: Tensor, references: Tensor, nodes: int) -> DrawSums:
    """By Gauss-Legendre nodes, from one reference at a time to bound the memory; `[batch, target, *feature]` each."""
    nodes_and_weights = torch.as_tensor(_gauss_legendre(nodes), dtype=x.dtype, device=x.device)
    place, weight = nodes_and_weights.reshape(2, -1, *[1] * (x.ndim - 1))
    sums = DrawSums(len(references), leave_one_out=score.leave_one_out)
    for start in references:
        way = x - start
        total = torch.zeros(score.outputs, *x.shape, dtype=x.dtype, device=x.device)
        used = 0
        for gradients, _ in _along(score, start, way, place):
            of_part = weight[used : used + gradients.shape[2]]
            used += len(of_part)
            total += (gradients * of_part).sum(2)
        sums.add((total * way).movedim(0, 1))
    return sums


@cache
def _gauss_legendre(nodes: int) -> np.ndarray:
    """The nodes on the way from 0 to 1, and their weights: `[2, node]`."""
    places, weights = np.polynomial.legendre.leggauss(nodes)
    return np.stack([(places + 1) / 2, weights / 2])


def _in_parts(score: TargetFunction, x: Tensor, references: Tensor, parts: int) -> tuple[DrawSums, Tensor]:
    """By parts between gradients, each reference as in `_integral`; and what half as many parts would have changed.

    The change is the largest among a row's features, `[batch, target]`.
    """
    place = torch.as_tensor(np.linspace(0, 1, parts + 1), dtype=x.dtype, device=x.device)
    place = place.reshape(-1, *[1] * (x.ndim - 1))
    sums = DrawSums(len(references), leave_one_out=score.leave_one_out)
    coarse = torch.zeros((), dtype=x.dtype, device=x.device)
    for start in references:
        way = x - start
        blocks = list(_along(score, start, way, place))
        gradients = torch.cat([block for block, _ in blocks], 2)
        with torch.no_grad():
            scores = torch.cat([score(path) for _, path in blocks], 1).movedim(2, 0)
        slopes = (gradients * way[:, None]).flatten(3).sum(3)
        sums.add((_weighted(gradients, slopes, scores) * way).movedim(0, 1))
        half = slice(None, None, 2)
        of_half = _weighted(gradients[:, :, half], slopes[:, :, half], scores[:, :, half]) if parts % 2 == 0 else 0
        coarse = coarse + (of_half * way).movedim(0, 1)
    return sums, (sums.mean() - coarse / len(references)).flatten(2).abs().amax(2)


def _weighted(gradients: Tensor, slopes: Tensor, scores: Tensor) -> Tensor:
    """The mean gradient of a way, `[target, batch, *feature]`, from those at the ends of its equal parts.

    Args:
        gradients: `[target, batch, end, *feature]`.
        slopes: of the score along the whole way, `[target, batch, end]`.
        scores: `[target, batch, end]`.
    """
    parts = slopes.shape[2] - 1
    before, after, mean = slopes[:, :, :-1], slopes[:, :, 1:], scores.diff(dim=2) * parts
    bend = before - after
    # Where the slope hardly bends the two weights hardly matter, and would be made of rounding.
    rounding = 16 * parts * torch.finfo(scores.dtype).eps * scores.abs().amax(2, keepdim=True)
    bent = bend.abs() > rounding
    weight = torch.where(bent, ((mean - after) / torch.where(bent, bend, 1)).clamp(0, 1), 0.5)
    weight = weight.reshape(*weight.shape, *[1] * (gradients.ndim - 3))
    return (weight * gradients[:, :, :-1] + (1 - weight) * gradients[:, :, 1:]).mean(2)


def _along(score: TargetFunction, start: Tensor, way: Tensor, place: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Gradients `[target, batch, place, *feature]` at places on the ways from a reference, and the states there.

    As many at once as fit.

    Args:
        score: of the rows.
        start: the reference, `[*feature]`.
        way: from it to each row, `[batch, *feature]`.
        place: from 0 to 1, `[place, 1, ...]`.
    """
    for part in torch.split(place, gradients_at_once(score, way)):
        path = start + part * way[:, None]
        yield score.gradients(path), path
