"""The residual: the part of a target value's difference from the references that values leave, and its tolerance."""

from __future__ import annotations

import torch
from torch import Tensor

from rltools.targets.function import TargetFunction

TOLERANCE = 0.01
"""The largest residual, as a share of the target value's standard deviation over the references."""


def end_values(f: TargetFunction, x: Tensor, references: Tensor) -> tuple[Tensor, Tensor]:
    """The target values of rows, `[batch, target]`, and of references as each row, `[batch, reference, target]`."""
    with torch.no_grad():
        return f(x), f.over(x, len(references), lambda part: references[part][None])


def residual_of(values: Tensor, outputs: Tensor, baselines: Tensor) -> Tensor:
    """A row's target value minus the mean over its references minus the sum of its values: `[batch, target]`.

    Args:
        values: `[batch, target, *feature]`.
        outputs: the target values of the rows, `[batch, target]`.
        baselines: the target values of the references, `[batch, reference, target]`.
    """
    return outputs - baselines.mean(1) - values.flatten(2).sum(2)


def scale_of(outputs: Tensor, baselines: Tensor) -> Tensor:
    """The target value's std over the references, or the difference from a single one: `[batch, target]`.

    Args:
        outputs: the target values of the rows, `[batch, target]`.
        baselines: the target values of the references, `[batch, reference, target]`.
    """
    return baselines.std(1) if baselines.shape[1] > 1 and len(baselines) else (outputs - baselines.mean(1)).abs()


def is_complete(residual: Tensor, outputs: Tensor, baselines: Tensor, tolerance: float = TOLERANCE) -> Tensor:
    """Whether the residuals of all targets are small, bool `[batch]`.

    Args:
        residual: `[batch, target]`.
        outputs: the target values of the rows, `[batch, target]`.
        baselines: the target values of the references, `[batch, reference, target]`.
        tolerance: the largest residual, as a share of the target value's standard deviation over the references (of its
            difference, if there is one reference).
    """
    # Below the dtype's own rounding there is nothing left to gain.
    rounding = 100 * torch.finfo(outputs.dtype).eps * (outputs.abs() + baselines.abs().amax(1))
    return (residual.abs() <= tolerance * scale_of(outputs, baselines) + rounding).all(1)
