"""Gradients integrated along the way from each reference state."""

import numpy as np
import torch
from torch import Tensor

from rltools.attributions._blocks import gradients_at_once
from rltools.attributions._completeness import TOLERANCE, is_complete, reference_scores, residual_of
from rltools.attributions._method import Result, RowScore, method
from rltools.errors import ArgumentError


@method(
    unit="score",
    needs={"gradient", "reference"},
    axioms={"linear", "dummy", "complete", "symmetric", "invariant"},
    forwards=lambda features, references, settings: 2 * settings["nodes"] * references,
    copies=lambda features, references, settings: 2 * settings["nodes"],
)
def integrated_gradients(
    score: RowScore,
    x: Tensor,
    *,
    reference: Tensor,
    nodes: int = 16,
    most_nodes: int = 64,
    tolerance: float = TOLERANCE,
) -> Result:
    """What each feature adds to the score on the straight way from visited states to this one.

    The values of a row sum to its score minus the mean score of the references, up to the residual. Gauss-Legendre
    nodes are doubled, row by row, until the residual is small.

    Args:
        score: `[batch, ..., *feature] -> [batch, ..., target]`.
        x: float `[batch, *feature]`.
        reference: float `[reference, *feature]`; the mean over them is taken.
        nodes: at which the gradient is taken on each way, at first.
        most_nodes: at last.
        tolerance: the largest residual, as a share of the score's standard deviation over the references (of the
            score's difference, where there is one reference).

    Returns:
        values `[batch, target, *feature]` in units of the score, residual `[batch, target]`, complete `[batch]`.

    Raises:
        ArgumentError: fewer than one node.

    Sundararajan, Taly, Yan: Axiomatic Attribution for Deep Networks (2017).

    Example:
        >>> import torch
        >>> from rltools.testing import PlainScore
        >>> from rltools.attributions.integrated_gradients import integrated_gradients
        >>> score = PlainScore(lambda x: (x**2).sum(1, keepdim=True), outputs=1)
        >>> x = torch.tensor([[1.0, -2.0]])
        >>> result = integrated_gradients(score, x, reference=torch.zeros(1, 2))
        >>> result.values.round(decimals=3).tolist(), result.residual.abs().max().item() < 1e-4
        ([[[1.0, 4.0]]], True)
    """
    if nodes < 1:
        raise ArgumentError(f"nodes is {nodes}; it must be at least 1")
    with torch.no_grad():
        ends = score(x)
    starts = reference_scores(score, x, reference)
    values = _integral(score, x, reference, nodes)
    while True:
        residual = residual_of(values, ends, starts)
        complete = is_complete(residual, ends, starts, tolerance)
        nodes *= 2
        missing = (~complete).nonzero()[:, 0]
        if nodes > most_nodes or len(missing) == 0:
            return Result(values, residual=residual, complete=complete)
        values = values.index_copy(0, missing, _integral(score.rows(missing), x[missing], reference, nodes))


def _integral(score: RowScore, x: Tensor, reference: Tensor, nodes: int) -> Tensor:
    """The mean over references, one at a time to bound the memory; `[batch, target, *feature]`."""
    places, weights = np.polynomial.legendre.leggauss(nodes)
    place = torch.as_tensor((places + 1) / 2, dtype=x.dtype, device=x.device)
    weight = torch.as_tensor(weights / 2, dtype=x.dtype, device=x.device)
    flat, block = [1] * (x.ndim - 1), gradients_at_once(score, x)
    total = torch.zeros(score.outputs, len(x), *x.shape[1:], dtype=x.dtype, device=x.device)
    for start in reference:
        way = x - start
        for part, of_part in zip(torch.split(place, block), torch.split(weight, block), strict=True):
            path = start + part.reshape(1, -1, *flat) * way[:, None]
            gradients = score.gradients(path)  # [target, batch, node, *feature]
            total += (gradients * of_part.reshape(1, 1, -1, *flat)).sum(2) * way
    return total.movedim(0, 1) / len(reference)
