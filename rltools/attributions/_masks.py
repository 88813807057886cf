"""Random masks over the parts of a state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from rltools.attributions._picture import interpolating, stretched


@dataclass(frozen=True)
class Masks:
    """Random masks, each a weight between 0 and 1 for every part; the mean weight is the probability to be shown.

    Attributes:
        weights: numbers of masks, int64 `[n]` -> `[n, part]`.
        variance: of a part's weight.
    """

    weights: Callable[[Tensor], Tensor]
    variance: float


def part_masks(masks: int, parts: int, shown: float, seed: int, like: Tensor) -> Masks:
    """Each part is shown or not, by itself."""
    drawn = torch.rand(masks, parts, generator=torch.Generator().manual_seed(seed)) < shown
    weights = drawn.to(like)
    return Masks(lambda numbers: weights[numbers], shown * (1 - shown))


def pixel_masks(masks: int, size: tuple[int, int], cells: int, shown: float, seed: int, like: Tensor) -> Masks:
    """Coarse cells are shown or not, enlarged linearly to pixels, and shifted by up to a cell.

    Args:
        masks: how many.
        size: pixels along y and x.
        cells: along each of them, at most one for each pixel.
        shown: the probability of a cell.
        seed: of the masks.
        like: a tensor of the dtype and device that weights have.
    """
    generator = torch.Generator().manual_seed(seed)
    edges = [-(-pixels // cells) for pixels in size]  # of a cell, in pixels
    # A shift leaves the last pixel short of one more cell, between two points of the coarse grid.
    points = [(pixels + edge - 2) // edge + 2 for pixels, edge in zip(size, edges, strict=True)]
    drawn = torch.rand(masks, *points, generator=generator) < shown
    shifts = [torch.randint(edge, (masks, 1), generator=generator) for edge in edges]
    grid, (down, across) = drawn.to(like), (shift.to(like) for shift in shifts)

    def along(numbers: Tensor, shift: Tensor, axis: int) -> Tensor:
        pixels = torch.arange(size[axis], dtype=like.dtype, device=like.device)
        return interpolating((pixels + shift[numbers]) / edges[axis], points[axis])

    def weights(numbers: Tensor) -> Tensor:
        return stretched(grid[numbers], along(numbers, down, 0), along(numbers, across, 1)).flatten(1)

    spread = shown * (1 - shown)
    for edge in edges:
        between = torch.arange(edge, dtype=torch.float64) / edge
        spread *= float((between**2 + (1 - between) ** 2).mean())
    return Masks(weights, spread)
