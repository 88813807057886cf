"""What values leave of a score's difference from the references, and whether that is as little as was promised."""

from __future__ import annotations

import torch
from torch import Tensor

from rltools.attributions._support.method import TargetFunction, copies_at_once

TOLERANCE = 0.01
"""The largest residual, as a share of the score's standard deviation over the references."""


def reference_scores(score: TargetFunction, x: Tensor, references: Tensor) -> Tensor:
    """The scores of references `[reference, *feature]` in each row's place, `[batch, reference, target]`."""
    blocks = torch.split(references, copies_at_once(score.most_copies, len(x)))
    with torch.no_grad():
        return torch.cat([score(block.expand(len(x), *block.shape)) for block in blocks], 1)


def residual_of(values: Tensor, ends: Tensor, starts: Tensor) -> Tensor:
    """A row's score, minus the mean score of its references, minus the sum of its values: `[batch, target]`.

    Args:
        values: `[batch, target, *feature]`.
        ends: the scores of the rows, `[batch, target]`.
        starts: those of the references, `[batch, reference, target]`.
    """
    return ends - starts.mean(1) - values.flatten(2).sum(2)


def spread_of(ends: Tensor, starts: Tensor) -> Tensor:
    """The score's standard deviation over the references, of one reference the score's difference: `[batch, target]`.

    Args:
        ends: the scores of the rows, `[batch, target]`.
        starts: those of the references, `[batch, reference, target]`.
    """
    return starts.std(1) if starts.shape[1] > 1 and len(starts) else (ends - starts.mean(1)).abs()


def is_complete(residual: Tensor, ends: Tensor, starts: Tensor, tolerance: float = TOLERANCE) -> Tensor:
    """Whether the residuals of all targets are small, bool `[batch]`.

    Args:
        residual: `[batch, target]`.
        ends: the scores of the rows, `[batch, target]`.
        starts: those of the references, `[batch, reference, target]`.
        tolerance: the largest residual, as a share of the score's standard deviation over the references (of the
            score's difference, where there is one reference).
    """
    spread = spread_of(ends, starts)
    # Below the dtype's own rounding there is nothing left to gain.
    rounding = 100 * torch.finfo(ends.dtype).eps * (ends.abs() + starts.abs().amax(1))
    return (residual.abs() <= tolerance * spread + rounding).all(1)
