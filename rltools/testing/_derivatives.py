"""A policy's gradients against finite differences."""

from __future__ import annotations

from functools import partial
from math import prod

import torch
from torch import Tensor

from rltools.differentiation import input_gradient
from rltools.policy import Context, Policy

DIRECTIONS = 8


def check_derivatives(policy: Policy, name: str, x: Tensor, context: Context, seed: int) -> None:
    """Compare the slope of a head along random directions with what its gradient says of it.

    The middle one of many comparisons counts: at a kink, or where rounding is all there is, single ones may differ.

    Args:
        policy: has the head.
        name: of the head.
        x: `[batch, *feature]`, encoded observations.
        context: of these rows.
        seed: of the directions.

    Raises:
        AssertionError: they differ.
        GradientError: the head does not depend on x in a differentiable way.
    """
    generator = torch.Generator().manual_seed(seed)
    eps = torch.finfo(policy.dtype).eps
    size = prod(x.shape[1:])
    scale = x.abs().reshape(len(x), size).amax(1).clamp(min=1).reshape(-1, *[1] * (x.ndim - 1))
    errors = []
    for _ in range(DIRECTIONS):
        drawn = torch.randn(x.shape, generator=generator, dtype=torch.float64).to(x)
        step = drawn / drawn.reshape(len(x), size).norm(dim=1).reshape(scale.shape) * scale * eps ** (1 / 3)
        with torch.no_grad():
            ahead = policy.head(name, x + step, context)
            behind = policy.head(name, x - step, context)
        weights = torch.randn(ahead.shape[1], generator=generator, dtype=torch.float64).to(x)
        gradient = input_gradient(
            lambda inputs: policy.head(name, inputs, context), x, reduce=partial(_weighted, weights)
        )
        predicted = 2 * (gradient * step).reshape(len(x), size).sum(1)
        seen = ((ahead - behind) * weights).sum(1)
        noise = 20 * eps * (ahead.abs() * weights.abs()).sum(1)
        excess = ((predicted - seen).abs() - noise).clamp(min=0)
        errors.append(excess / (predicted.abs() + seen.abs()).clamp(min=torch.finfo(x.dtype).tiny))
    middle = float(torch.cat(errors).median())
    allowed = 0.05 if policy.dtype == torch.float32 else 1e-3
    if not middle <= allowed:
        raise AssertionError(
            f"the gradient of the {name} head differs from finite differences, in half of the rows by more than "
            f"{middle:.1%}; allowed is {allowed:.1%}"
        )


def _weighted(weights: Tensor, output: Tensor) -> Tensor:
    return (output * weights).sum()
