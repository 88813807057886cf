"""Gaussian noise in each feature's own units, the same for all rows."""

from collections.abc import Callable

import torch
from torch import Tensor

from rltools.errors import ArgumentError
from rltools.targets.function import TargetFunction


def feature_std(f: TargetFunction, references: Tensor) -> Tensor:
    """The standard deviation of each feature over the references, `[*feature]`.

    The pixels of an image have one unit, so each channel has one std: the root of its pixels' mean variance. The std of
    a feature that never changes among the references is 0.
    """
    variance = references.var(0, correction=0)
    pixels = [axis for axis, name in enumerate(f.dims) if name in ("y", "x")]
    return (variance.mean(pixels, keepdim=True).expand_as(variance) if pixels else variance).sqrt()


def gaussian_noise(x: Tensor, std: Tensor, seed: int) -> Callable[[slice], Tensor]:
    """Draws of noise of a standard deviation `[*feature]`: a function from positions of draws to `[draw, *feature]`.

    Draws are made one after another in float64, so that neither micro-batches nor the rows nor the dtype of x change
    them. Positions must be requested in order; the latest ones may be requested again.
    """
    generator = torch.Generator().manual_seed(seed)
    latest: list[tuple[slice, Tensor]] = []

    def noise(part: slice) -> Tensor:
        if not latest or latest[0][0] != part:
            normal = [
                torch.randn(std.shape, generator=generator, dtype=torch.float64) for _ in range(part.start, part.stop)
            ]
            latest[:] = [(part, torch.stack(normal).to(x) * std)]
        return latest[0][1]

    return noise


def check_noise(noise: float, std: Tensor, samples: int, least: int) -> None:
    """Refuse noise that cannot be drawn, or too few draws of it.

    Raises:
        ArgumentError: negative noise, fewer samples than `least`, or references that do not differ.
    """
    if not noise >= 0:
        raise ArgumentError(f"noise is {noise}; it must be at least 0, in standard deviations of each feature")
    if samples < least:
        raise ArgumentError(f"samples is {samples}; it must be at least {least}")
    if noise > 0 and not std.any():
        raise ArgumentError(
            f"noise is {noise} standard deviations of each feature over the references, and no feature has one: there "
            f"is a single reference, or all are equal; give at least two states that differ"
        )
