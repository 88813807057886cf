"""Gradients at points drawn on the paths from reference states."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from rltools.attributions._support.completeness import end_values, residual_of
from rltools.attributions._support.method import method
from rltools.attributions._support.result import Cost, Result
from rltools.attributions._support.units import Unit
from rltools.errors import ArgumentError
from rltools.targets.draws import DrawSums
from rltools.targets.function import TargetFunction


@method(
    unit=Unit.SCORE,
    needs={"gradient", "references"},
    axioms={"linear", "dummy", "symmetric", "invariant"},
    cost=lambda parts, references, settings: Cost(2 * settings["samples"] + references + 1, copies=settings["samples"]),
)
def expected_gradients(f: TargetFunction, x: Tensor, *, references: Tensor, samples: int = 48, seed: int = 0) -> Result:
    """What each feature adds to the target value on the straight path from visited states to this one, sampled.

    The same as integrated_gradients, at a cost that hardly depends on how many references there are; also known as
    GradientSHAP. Every reference is used equally often, with two points in each of the equal segments of its path: the
    two differ only by the draw, and the standard error is computed from their differences. All rows share the draws,
    and so their errors.

    Args:
        f: the target function, `[batch, ..., *feature] -> [batch, ..., target]`.
        x: float `[batch, *feature]`.
        references: float `[reference, *feature]`.
        samples: the most gradients that are taken; rounded down so that every reference has equally many. With fewer
            than two for each reference, some have two, the others one, and some are not used.
        seed: of the draws.

    Returns:
        values `[batch, target, *feature]` in units of the target value. residual `[batch, target]` from sampling: the
        target value minus the mean over all references minus the sum of the values. standard_error, shaped like values,
        of the draws, given the references: how far the values of another seed would typically be from these. It is None
        for a single sample, and for two if there are more references.

    Raises:
        ArgumentError: no samples.

    Erion, Janizek, Sturmfels, Lundberg, Lee: Improving Performance of Deep Learning Models with Axiomatic Attribution
    Priors and Expected Gradients (2021); Lundberg, Lee: A Unified Approach to Interpreting Model Predictions (2017);
    Cochran: Sampling Techniques (1977), chapters 5 and 10, for the error.

    Example:
        >>> import torch
        >>> from rltools.testing import PlainFunction
        >>> from rltools.attributions.expected_gradients import expected_gradients
        >>> f = PlainFunction(lambda x: (x**2).sum(1, keepdim=True), outputs=1)
        >>> x = torch.tensor([[1.0, -2.0]])
        >>> result = expected_gradients(f, x, references=torch.zeros(1, 2), samples=500)
        >>> result.values.round(decimals=0).tolist()
        [[[1.0, 4.0]]]
    """
    if samples < 1:
        raise ArgumentError(f"samples is {samples}; it must be at least 1")
    draws, used = _draw(len(references), samples, seed)
    sums = DrawSums(used, leave_one_out=f.leave_one_out)
    first: Tensor | None = None  # values of the first reference: squares of nearly equal numbers would be rounding
    of_reference = away = between = within = bent = torch.zeros((), dtype=x.dtype, device=x.device)
    before: list[Tensor] = []  # values of the draws before on the same path
    for draw, values in _values_of_draws(f, x, references, draws):
        of_reference = of_reference + draw.weight * values
        if draw.second:
            within = within + draw.variance_weight * (values - before[-1]).square()
        if len(before) > 1:
            bent = bent + (values - 2 * before[-1] + before[-2]).square()
        before = [*before[-1:], values]
        if draw.last:
            first = of_reference if first is None else first
            away, between = away + (of_reference - first), between + (of_reference - first).square()
            sums.add(of_reference.movedim(0, 1))
            of_reference, before = torch.zeros_like(of_reference), []
    pairs = sum(draw.second for draw in draws)
    share = used / len(references)  # of all references: leaving out the others adds to the error
    error = None
    if pairs and (share == 1 or used > 1):
        variance = _divided(within, bent, draws[0].variance_weight) / used
        if share < 1:
            of_references = (between - away.square() / used).clamp(min=0) / (used - 1) / used
            variance = share * variance + (1 - share) * of_references
        # The root of a mean of a few squares is too small on average.
        freedom = share * pairs + (1 - share) * (used - 1)
        error = ((1 + 1 / (4 * freedom)) * variance.sqrt()).movedim(0, 1)
    mean = sums.mean()
    return Result(mean, residual_of(mean, *end_values(f, x, references)), error, without=sums.without())


def _values_of_draws(
    f: TargetFunction, x: Tensor, references: Tensor, draws: list[_Draw]
) -> Iterator[tuple[_Draw, Tensor]]:
    """The gradient at each point times the row's difference from the reference, `[target, batch, *feature]`."""
    reference = [draw.reference for draw in draws]
    position = torch.tensor([draw.position for draw in draws], dtype=x.dtype, device=x.device)
    position = position.reshape(-1, *[1] * (x.ndim - 1))

    def points(part: slice) -> Tensor:
        start = references[reference[part]]
        return start + position[part] * (x[:, None] - start)

    for part, gradients in f.gradients_over(x, len(draws), points):
        values = gradients * (x[:, None] - references[reference[part]])
        yield from zip(draws[part], values.unbind(2), strict=True)


def _divided(within: Tensor, bent: Tensor, weight: float) -> Tensor:
    """The variance of pairs, all features together, divided among features as the gradients bend along their paths.

    Where a gradient jumps, at the kink of a rectifier, a pair on one side of it has no difference, and a pair around it
    a large one; but three neighbors on the path see the jump wherever it is. A pair has the jump of its segment between
    its points in one of three cases, while two of the second differences have it, which makes a sixth: half of that is
    the least.

    Args:
        within: sums of squared differences of pairs, `[target, batch, *feature]`.
        bent: sums of squared second differences along the paths, shaped like `within`; a single 0 if no path has three
            points.
        weight: of the squares of the pairs in their sums.
    """
    if bent.ndim == 0:
        return within
    axes = tuple(range(2, within.ndim))
    total = bent.sum(axes, keepdim=True)
    of_pairs = torch.maximum(within.sum(axes, keepdim=True), weight / 12 * total)
    return torch.where(total > 0, bent * of_pairs / torch.where(total > 0, total, 1), within)


@dataclass(frozen=True)
class _Draw:
    """A point at which a gradient is taken.

    Attributes:
        reference: position of the reference that the path begins at.
        position: along the path, from 0 to 1.
        weight: in the mean of its reference.
        second: whether it is the second point of its segment; the first one is the draw before.
        variance_weight: of the squared difference of the two, in the variance of the mean over the references.
        last: whether it is the last point of its reference.
    """

    reference: int
    position: float
    weight: float
    second: bool
    variance_weight: float
    last: bool


def _draw(references: int, samples: int, seed: int) -> tuple[list[_Draw], int]:
    """The draws, reference by reference in their order, and how many of the references are used."""
    generator = torch.Generator().manual_seed(seed)
    if samples >= 2 * references:
        each = samples // references
        plan = [(number, each - each // 2, each // 2) for number in range(references)]
    else:
        # How many have a second draw: the fewer references are left out, the more of the error comes from the paths.
        twice = max(samples - references, round(samples / 4 * min(1, samples / references)), int(samples > 2))
        chosen = torch.randperm(references, generator=generator)[: samples - twice].tolist()
        plan = sorted((number, 1, int(order < twice)) for order, number in enumerate(chosen))
    # How much of the variance within a segment is left in the mean of a reference, on average over these.
    remaining = sum((segments - pairs / 2) / segments**2 for _, segments, pairs in plan) / len(plan)
    variance_weight = remaining / (2 * max(1, sum(pairs for _, _, pairs in plan)))
    draws = []
    for number, segments, pairs in plan:
        doubled = set(torch.randperm(segments, generator=generator)[:pairs].tolist())
        for segment in range(segments):
            count = 1 + (segment in doubled)
            points = (segment + torch.rand(count, generator=generator, dtype=torch.float64).sort().values) / segments
            for order, position in enumerate(points.tolist()):
                last = segment == segments - 1 and order == count - 1
                draws.append(_Draw(number, position, 1 / segments / count, order == 1, variance_weight, last))
    return draws, len(plan)
