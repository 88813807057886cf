"""Gaussian noise in each feature's own units, the same for all rows."""

from collections.abc import Iterator

import torch
from torch import Tensor

from rltools.attributions._support.method import TargetFunction, gradients_at_once
from rltools.errors import ArgumentError


def spread(score: TargetFunction, references: Tensor) -> Tensor:
    """The standard deviation of each feature over the references, `[*feature]`.

    The pixels of a picture are in one unit, so that each channel has one deviation: the root of its pixels' mean
    variance. A feature that never changes among the references has 0.
    """
    variance = references.var(0, correction=0)
    pixels = [axis for axis, name in enumerate(score.dims) if name in ("y", "x")]
    return (variance.mean(pixels, keepdim=True).expand_as(variance) if pixels else variance).sqrt()


def shifts(score: TargetFunction, x: Tensor, std: Tensor, samples: int, seed: int) -> Iterator[Tensor]:
    """Draws of noise of a standard deviation `[*feature]`, in blocks `[copy, *feature]` of as many as fit beside x.

    Drawn one after another in float64, so that neither the blocks nor the rows nor the dtype change them.
    """
    generator = torch.Generator().manual_seed(seed)
    per_block = gradients_at_once(score, x)
    for start in range(0, samples, per_block):
        draws = range(start, min(start + per_block, samples))
        normal = [torch.randn(std.shape, generator=generator, dtype=torch.float64) for _ in draws]
        yield torch.stack(normal).to(x) * std


def check_noise(noise: float, spread: Tensor, samples: int, least: int) -> None:
    """Whether there is noise to draw, and enough of it.

    Raises:
        ArgumentError: negative noise, fewer samples than `least`, or references that do not differ.
    """
    if not noise >= 0:
        raise ArgumentError(f"noise is {noise}; it must be at least 0, in standard deviations of each feature")
    if samples < least:
        raise ArgumentError(f"samples is {samples}; it must be at least {least}")
    if noise > 0 and not spread.any():
        raise ArgumentError(
            f"noise is {noise} standard deviations of each feature over the references, and no feature has one: there "
            f"is a single reference, or all are equal; give at least two states that differ"
        )
