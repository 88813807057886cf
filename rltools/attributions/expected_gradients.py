"""Gradients at places drawn on the ways from reference states."""

from math import comb

import torch
from torch import Tensor

from rltools.attributions._blocks import gradients_at_once
from rltools.attributions._completeness import reference_scores, residual_of
from rltools.attributions._method import Result, RowScore, method
from rltools.errors import ArgumentError


@method(
    unit="score",
    needs={"gradient", "reference"},
    axioms={"linear", "dummy", "symmetric", "invariant"},
    forwards=lambda features, references, settings: 2 * settings["samples"] + references + 1,
    copies=lambda features, references, settings: settings["samples"],
)
def expected_gradients(score: RowScore, x: Tensor, *, reference: Tensor, samples: int = 32, seed: int = 0) -> Result:
    """What each feature adds to the score on the straight way from visited states to this one, sampled.

    The same as integrated_gradients, at a cost that hardly depends on how many references there are; also known as
    GradientSHAP. References and places on the way are drawn together, and evenly: every reference equally often, with
    one place in each part of its way. All rows share the draws, and so their errors.

    Args:
        score: `[batch, ..., *feature] -> [batch, ..., target]`.
        x: float `[batch, *feature]`.
        reference: float `[reference, *feature]`.
        samples: gradients, at most; as many as use every reference equally often. Of more references than samples so
            many are drawn, without repeating.
        seed: of the draws.

    Returns:
        values `[batch, target, *feature]` in units of the score. residual `[batch, target]`: the score minus the mean
        score of all references minus the sum of the values, which sampling leaves. standard_error as values, where
        there are at least two samples: of the draws, given the references; where a reference is used only once, what
        references differ by counts as if it were error.

    Raises:
        ArgumentError: no samples.

    Erion, Janizek, Sturmfels, Lundberg, Lee: Improving Performance of Deep Learning Models with Axiomatic Attribution
    Priors and Expected Gradients (2021); Lundberg, Lee: A Unified Approach to Interpreting Model Predictions (2017).

    Example:
        >>> import torch
        >>> from rltools.testing import PlainScore
        >>> from rltools.attributions.expected_gradients import expected_gradients
        >>> score = PlainScore(lambda x: (x**2).sum(1, keepdim=True), outputs=1)
        >>> x = torch.tensor([[1.0, -2.0]])
        >>> result = expected_gradients(score, x, reference=torch.zeros(1, 2), samples=500)
        >>> result.values.round(decimals=0).tolist()
        [[[1.0, 4.0]]]
    """
    if samples < 1:
        raise ArgumentError(f"samples is {samples}; it must be at least 1")
    used, place, chain = _draw(len(reference), samples, seed)
    drawn = len(used)
    flat = [1] * (x.ndim - 1)
    per_block = gradients_at_once(score, x)
    # A second difference along a chain sees no trend, which drawing evenly does away with too.
    order = min(2, chain - 1)
    total = squares = torch.zeros((), dtype=x.dtype, device=x.device)
    before: Tensor | None = None
    for start in range(0, drawn, per_block):
        block = slice(start, start + per_block)
        beginning = reference[used[block].to(x.device)]
        way = x[:, None] - beginning
        slopes = score.gradients(beginning + place[block].to(x).reshape(-1, *flat) * way)
        added = slopes * way  # [target, batch, copy, *feature]
        total = total + added.sum(2)
        if order:
            linked = added if before is None else torch.cat([before, added], dim=2)
            differences = linked.diff(n=order, dim=2)
            end = start + added.shape[2]
            within = torch.arange(end - differences.shape[2], end) % chain >= order
            squares = squares + differences[:, :, within.to(x.device)].square().sum(2)
            before = linked[:, :, -order:]
    values = (total / drawn).movedim(0, 1)
    error = None
    if order:
        variance = squares / (drawn // chain * (chain - order)) / comb(2 * order, order)
        error = (variance / drawn).sqrt().movedim(0, 1)
    starts = reference_scores(score, x, reference)
    with torch.no_grad():
        return Result(values, residual_of(values, score(x), starts), error)


def _draw(references: int, samples: int, seed: int) -> tuple[Tensor, Tensor, int]:
    """Which reference, int64 `[draw]`, and how far from it, float64 `[draw]` between 0 and 1; and a chain's length.

    The ways are cut into as many parts as there are draws, and each part has one. Draws come in chains of that length,
    in order of their places: those of one reference, or all of them where none is used twice.
    """
    generator = torch.Generator().manual_seed(seed)
    if samples < 2 * references:
        used = torch.randperm(references, generator=generator)[:samples]
        part, chain = torch.arange(len(used)), len(used)
    else:
        chain = samples // references
        turns = [torch.randperm(references, generator=generator) for _ in range(chain)]
        part = torch.stack([turn + at * references for at, turn in enumerate(turns)], dim=1).flatten()
        used = torch.arange(references).repeat_interleave(chain)
    return used, (part + torch.rand(len(part), generator=generator, dtype=torch.float64)) / len(part), chain
