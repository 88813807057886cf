"""Gradients integrated along the paths from reference states."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from rltools.attributions._support.completeness import TOLERANCE, end_values, is_complete, residual_of, scale_of
from rltools.attributions._support.method import method
from rltools.attributions._support.result import Cost, Result
from rltools.attributions._support.units import Unit
from rltools.errors import ArgumentError
from rltools.targets.function import Copies, TargetFunction


@method(
    unit=Unit.SCORE,
    needs={"gradient", "references"},
    axioms={"linear", "dummy", "complete", "symmetric", "invariant"},
    cost=lambda parts, references, settings: Cost(2 * settings["nodes"] * references, copies=2 * settings["nodes"]),
)
def integrated_gradients(
    f: TargetFunction,
    x: Tensor,
    *,
    references: Tensor,
    nodes: int = 16,
    most_nodes: int = 64,
    tolerance: float = TOLERANCE,
) -> Result:
    """What each feature adds to the target value on the straight path from visited states to this one.

    The values of a row sum to its target value minus the mean over the references, up to the residual. Gauss-Legendre
    nodes are doubled, row by row, until the residual is small. If it is not before the last doubling, because the
    function has kinks, the paths are cut into as many equal segments instead, and each segment's two gradients are
    weighted so that they add up to its change of the target value: on a segment with a single kink of a piecewise
    linear function that is exact.

    Args:
        f: the target function, `[batch, ..., *feature] -> [batch, ..., target]`.
        x: float `[batch, *feature]`.
        references: float `[reference, *feature]`; the mean over them is taken.
        nodes: how many points on each path the gradient is taken at, before any doubling.
        most_nodes: how many after the last doubling.
        tolerance: the largest residual, as a share of the target value's standard deviation over the references (of
            its difference, if there is one reference). With segments it is enough if half the largest change of a value
            by the last halving of segments is as small, as a share of that or of the row's largest value, and such
            changes of all values explain the residual: kinks can leave one although the values are right, and where
            the target value jumps, because a value is rounded or compared, one is left that no gradient sees.

    Returns:
        values `[batch, target, *feature]` in units of the target value, residual `[batch, target]`, complete `[batch]`,
        whether the tolerance was met.

    Raises:
        ArgumentError: fewer than one node.

    Sundararajan, Taly, Yan: Axiomatic Attribution for Deep Networks (2017).

    Example:
        >>> import torch
        >>> from rltools.testing import PlainFunction
        >>> from rltools.attributions.integrated_gradients import integrated_gradients
        >>> f = PlainFunction(lambda x: (x**2).sum(1, keepdim=True), outputs=1)
        >>> x = torch.tensor([[1.0, -2.0]])
        >>> result = integrated_gradients(f, x, references=torch.zeros(1, 2))
        >>> result.values.round(decimals=3).tolist(), result.residual.abs().max().item() < 1e-4
        ([[[1.0, 4.0]]], True)
    """
    if nodes < 1:
        raise ArgumentError(f"nodes is {nodes}; it must be at least 1")
    outputs, baselines = end_values(f, x, references)
    values, without = _by_nodes(f, x, references, nodes)
    residual = residual_of(values, outputs, baselines)
    complete = is_complete(residual, outputs, baselines, tolerance)
    while 2 * nodes <= most_nodes and not complete.all():
        nodes *= 2
        rows = (~complete).nonzero()[:, 0]
        again = _refined(f.rows(rows), x[rows], references, nodes, last=2 * nodes > most_nodes)
        values = values.index_copy(0, rows, again.values)
        if without is not None and again.without is not None:
            without = without.index_copy(1, rows, again.without)
        residual = residual_of(values, outputs, baselines)
        scale = torch.maximum(scale_of(outputs[rows], baselines[rows]), again.values.flatten(2).abs().amax(2))
        # Errors of the values leave no more than their sum; the rest is a jump, which no gradient sees.
        of_errors = residual[rows].abs() <= again.change * x.shape[1:].numel()
        converged = ((again.change / 2 <= tolerance * scale) & of_errors).all(1)
        small = is_complete(residual[rows], outputs[rows], baselines[rows], tolerance)
        complete = complete.index_copy(0, rows, small | converged)
    return Result(values, residual=residual, complete=complete, without=without)


def _by_nodes(f: TargetFunction, x: Tensor, references: Tensor, nodes: int) -> tuple[Tensor, Tensor | None]:
    """The integrals by Gauss-Legendre nodes, `[batch, target, *feature]`: as `mean_over` gives them."""
    position, weight = _beside_rows(_gauss_legendre(nodes), x)

    def integral(reference: Tensor) -> Tensor:
        difference = x - reference
        total = torch.zeros(f.outputs, *x.shape, dtype=x.dtype, device=x.device)
        path = _path(reference, position, difference)
        for part, gradients in f.gradients_over(x, nodes, path):
            total += (gradients * weight[part]).sum(2)
        return (total * difference).movedim(0, 1)

    return f.mean_over(references, integral)


def _path(reference: Tensor, position: Tensor, difference: Tensor) -> Copies:
    """From indices of `position [node, *feature]` to these points on each row's path, `[batch, node, *feature]`."""
    return lambda part: torch.addcmul(reference, position[part], difference[:, None])


@cache
def _gauss_legendre(nodes: int) -> np.ndarray:
    """The nodes between 0 and 1, and their weights: `[2, node]`."""
    positions, weights = np.polynomial.legendre.leggauss(nodes)
    return np.stack([(positions + 1) / 2, weights / 2])


def _beside_rows(numbers: np.ndarray, x: Tensor) -> Tensor:
    """`[..., n]` as `[..., n, *feature]`, to be multiplied with rows `x [batch, *feature]`.

    Each number is written for every feature: to multiply a few features by one number takes three times as long.
    """
    tensor = torch.as_tensor(numbers, dtype=x.dtype, device=x.device).reshape(*numbers.shape, *[1] * (x.ndim - 1))
    return tensor.expand(*numbers.shape, *x.shape[1:]).contiguous()


@dataclass(frozen=True)
class _Refinement:
    """The integrals of some rows, refined with more nodes.

    Attributes:
        values: `[batch, target, *feature]`.
        without: as in `Result`.
        change: `[batch, target]`, the largest change of a value among a row's features since half as many segments;
            infinite for nodes. Each halving of the segments at least halves the error, so that its change is at least
            the error that is left.
    """

    values: Tensor
    without: Tensor | None
    change: Tensor


def _refined(f: TargetFunction, x: Tensor, references: Tensor, nodes: int, *, last: bool) -> _Refinement:
    """The integrals by nodes or, the last time, by the same number of segments."""
    if not last:
        values, without = _by_nodes(f, x, references, nodes)
        return _Refinement(values, without, values.new_full(values.shape[:2], torch.inf))
    coarse = torch.zeros((), dtype=x.dtype, device=x.device)

    def integral(reference: Tensor) -> Tensor:
        nonlocal coarse
        fine, of_half = _by_segments(f, x, reference, nodes)
        coarse = coarse + of_half
        return fine

    values, without = f.mean_over(references, integral)
    return _Refinement(values, without, (values - coarse / len(references)).flatten(2).abs().amax(2))


def _by_segments(f: TargetFunction, x: Tensor, reference: Tensor, segments: int) -> tuple[Tensor, Tensor]:
    """The integral from one reference by equal segments of the paths, and by half as many: as in `_by_nodes`."""
    position, difference = _beside_rows(np.linspace(0, 1, segments + 1), x), x - reference
    path = _path(reference, position, difference)
    gradients = torch.cat([some for _, some in f.gradients_over(x, segments + 1, path)], 2)
    with torch.no_grad():
        values = f.over(x, segments + 1, path).movedim(2, 0)
    slopes = (gradients * difference[:, None]).flatten(3).sum(3)
    fine = _mean_gradient(gradients, slopes, values) * difference
    half = slice(None, None, 2)
    coarse = _mean_gradient(gradients[:, :, half], slopes[:, :, half], values[:, :, half]) if segments % 2 == 0 else 0
    return fine.movedim(0, 1), (coarse * difference).movedim(0, 1)


def _mean_gradient(gradients: Tensor, slopes: Tensor, values: Tensor) -> Tensor:
    """The mean gradient along a path, `[target, batch, *feature]`, from those at the ends of its equal segments.

    Args:
        gradients: `[target, batch, end, *feature]`.
        slopes: of the target value along the whole path, `[target, batch, end]`.
        values: target values, `[target, batch, end]`.
    """
    segments = slopes.shape[2] - 1
    before, after, mean = slopes[:, :, :-1], slopes[:, :, 1:], values.diff(dim=2) * segments
    bend = before - after
    # If the gradient hardly changes, the two weights hardly matter, and would consist of rounding errors.
    rounding = 16 * segments * torch.finfo(values.dtype).eps * values.abs().amax(2, keepdim=True)
    bent = bend.abs() > rounding
    weight = torch.where(bent, ((mean - after) / torch.where(bent, bend, 1)).clamp(0, 1), 0.5)
    weight = weight.reshape(*weight.shape, *[1] * (gradients.ndim - 3))
    return (weight * gradients[:, :, :-1] + (1 - weight) * gradients[:, :, 1:]).mean(2)
