"""Gradients at places drawn on the ways from reference states."""

from dataclasses import dataclass

import torch
from torch import Tensor

from rltools.attributions._support.completeness import reference_scores, residual_of
from rltools.attributions._support.draws import DrawSums
from rltools.attributions._support.method import Result, TargetFunction, gradients_at_once, method
from rltools.errors import ArgumentError


@method(
    unit="score",
    needs={"gradient", "references"},
    axioms={"linear", "dummy", "symmetric", "invariant"},
    forwards=lambda features, references, settings: 2 * settings["samples"] + references + 1,
    copies=lambda features, references, settings: settings["samples"],
)
def expected_gradients(
    score: TargetFunction, x: Tensor, *, references: Tensor, samples: int = 48, seed: int = 0
) -> Result:
    """What each feature adds to the score on the straight way from visited states to this one, sampled.

    The same as integrated_gradients, at a cost that hardly depends on how many references there are; also known as
    GradientSHAP. Every reference is used equally often, with two places in each of the equal parts of its way: they
    differ by nothing but the draw, which is what the standard error is made of. All rows share the draws, and so their
    errors.

    Args:
        score: `[batch, ..., *feature] -> [batch, ..., target]`.
        x: float `[batch, *feature]`.
        references: float `[reference, *feature]`.
        samples: gradients, at most; as many as use every reference equally often. Of less than two for each reference
            some have two, the others one, and some are not used at all.
        seed: of the draws.

    Returns:
        values `[batch, target, *feature]` in units of the score. residual `[batch, target]`: the score minus the mean
        score of all references minus the sum of the values, which sampling leaves. standard_error as values, of the
        draws, given the references: how far the values of another seed would typically be from these. None of a single
        sample, and of two where there are more references.

    Raises:
        ArgumentError: no samples.

    Erion, Janizek, Sturmfels, Lundberg, Lee: Improving Performance of Deep Learning Models with Axiomatic Attribution
    Priors and Expected Gradients (2021); Lundberg, Lee: A Unified Approach to Interpreting Model Predictions (2017);
    Cochran: Sampling Techniques (1977), chapters 5 and 10, for the error.

    Example:
        >>> import torch
        >>> from rltools.testing import PlainFunction
        >>> from rltools.attributions.expected_gradients import expected_gradients
        >>> score = PlainFunction(lambda x: (x**2).sum(1, keepdim=True), outputs=1)
        >>> x = torch.tensor([[1.0, -2.0]])
        >>> result = expected_gradients(score, x, references=torch.zeros(1, 2), samples=500)
        >>> result.values.round(decimals=0).tolist()
        [[[1.0, 4.0]]]
    """
    if samples < 1:
        raise ArgumentError(f"samples is {samples}; it must be at least 1")
    draws, used = _draw(len(references), samples, seed)
    sums = DrawSums(used, leave_one_out=score.leave_one_out)
    first: Tensor | None = None  # what the first reference gives: squares of nearly equal numbers would be rounding
    of_reference = away = between = within = bent = torch.zeros((), dtype=x.dtype, device=x.device)
    before: list[Tensor] = []  # of the same way
    at_once = gradients_at_once(score, x)
    for block in (draws[start : start + at_once] for start in range(0, len(draws), at_once)):
        beginning = references[[draw.references for draw in block]]
        place = torch.tensor([draw.place for draw in block], dtype=x.dtype, device=x.device)
        way = x[:, None] - beginning
        added = score.gradients(beginning + place.reshape(-1, *[1] * (x.ndim - 1)) * way) * way
        for draw, values in zip(block, added.unbind(2), strict=True):  # [target, batch, *feature] each
            of_reference = of_reference + draw.weight * values
            if draw.again:
                within = within + draw.variance_weight * (values - before[-1]).square()
            if len(before) > 1:
                bent = bent + (values - 2 * before[-1] + before[-2]).square()
            before = [*before[-1:], values]
            if draw.last:
                first = of_reference if first is None else first
                away, between = away + (of_reference - first), between + (of_reference - first).square()
                sums.add(of_reference.movedim(0, 1))
                of_reference, before = torch.zeros_like(of_reference), []
    pairs = sum(draw.again for draw in draws)
    part = used / len(references)  # of all references: what those that are left out differ by is error, too
    error = None
    if pairs and (part == 1 or used > 1):
        variance = _shared_out(within, bent, draws[0].variance_weight) / used
        if part < 1:
            variance = part * variance + (1 - part) * (between - away.square() / used).clamp(min=0) / (used - 1) / used
        # The root of a mean of few squares is too small on average.
        freedom = part * pairs + (1 - part) * (used - 1)
        error = ((1 + 1 / (4 * freedom)) * variance.sqrt()).movedim(0, 1)
    without = sums.without()
    starts = reference_scores(score, x, references)
    with torch.no_grad():
        values = sums.mean()
        return Result(values, residual_of(values, score(x), starts), error, without=without)


def _shared_out(within: Tensor, bent: Tensor, weight: float) -> Tensor:
    """The variance of pairs, all features together, shared out as the gradients bend along their ways.

    Where a gradient jumps, at the kink of a rectifier, a pair on one side of it has no difference, and one around it a
    large one; but three neighbors on the way see the jump wherever it is. A pair has a jump of its part between it in
    one of three cases, while two of the second differences have it, which makes a sixth: half of that is the least.

    Args:
        within: sums of squared differences of pairs, `[target, batch, *feature]`.
        bent: sums of squared second differences along the ways, likewise; a single 0 where no way has three places.
        weight: that the squares of the pairs have in their sums.
    """
    if bent.ndim == 0:
        return within
    axes = tuple(range(2, within.ndim))
    whole = bent.sum(axes, keepdim=True)
    of_pairs = torch.maximum(within.sum(axes, keepdim=True), weight / 12 * whole)
    return torch.where(whole > 0, bent * of_pairs / torch.where(whole > 0, whole, 1), within)


@dataclass(frozen=True)
class _Draw:
    """One gradient.

    Attributes:
        references: which one the way begins at.
        place: how far along the way, from 0 to 1.
        weight: in the mean of its reference.
        again: whether it is the second one in its part of the way; the first one is the draw before.
        variance_weight: of the squared difference of the two, in the variance of the mean over the references.
        last: whether it is the last one of its reference.
    """

    references: int
    place: float
    weight: float
    again: bool
    variance_weight: float
    last: bool


def _draw(references: int, samples: int, seed: int) -> tuple[list[_Draw], int]:
    """The draws, reference by reference in their order, and how many of the references are used."""
    generator = torch.Generator().manual_seed(seed)
    if samples >= 2 * references:
        each = samples // references
        plan = [(number, each - each // 2, each // 2) for number in range(references)]
    else:
        # So many have a second draw: the fewer references are left out, the more the error is of the draws on a way.
        twice = max(samples - references, round(samples / 4 * min(1, samples / references)), int(samples > 2))
        chosen = torch.randperm(references, generator=generator)[: samples - twice].tolist()
        plan = sorted((number, 1, int(order < twice)) for order, number in enumerate(chosen))
    # How much of the variance within a part of a way is left in the mean of a reference, on average over these.
    left = sum((parts - again / 2) / parts**2 for _, parts, again in plan) / len(plan)
    variance_weight = left / (2 * max(1, sum(again for _, _, again in plan)))
    draws = []
    for number, parts, again in plan:
        doubled = set(torch.randperm(parts, generator=generator)[:again].tolist())
        for part in range(parts):
            count = 1 + (part in doubled)
            places = (part + torch.rand(count, generator=generator, dtype=torch.float64).sort().values) / parts
            for at, place in enumerate(places.tolist()):
                last = part == parts - 1 and at == count - 1
                draws.append(_Draw(number, place, 1 / parts / count, at == 1, variance_weight, last))
    return draws, len(plan)
