"""Pictures among observations: where their axes are, blurring them, and maps over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rltools.errors import ArgumentError
from rltools.spaces.axes import is_image

TRUNCATED = 4.0
"""Standard deviations after which a blur's Gaussian ends; what the papers' code has."""


def picture_axes(dims: Sequence[str]) -> tuple[int, int]:
    """Which axes of a row's features are "y" and "x".

    Raises:
        ArgumentError: it is no picture.
    """
    if not is_image(dims):
        raise ArgumentError(
            f"places and blurring are for pictures, with axes y and x; these observations have {', '.join(dims)}: take "
            f"occlusion, or replacement='resample'"
        )
    return dims.index("y"), dims.index("x")


def picture_size(shape: Sequence[int], dims: Sequence[str]) -> tuple[int, int]:
    """How many pixels rows of this shape have along y and x.

    Raises:
        ArgumentError: they are no pictures.
    """
    y, across = picture_axes(dims)
    return shape[y], shape[across]


def blurred(x: Tensor, dims: Sequence[str], std: float) -> Tensor:
    """`x [batch, *feature]` with every channel and frame blurred by a Gaussian; pictures go on mirrored at their edges.

    Raises:
        ArgumentError: it is no picture, or the Gaussian's standard deviation, in pixels, is not above 0.
    """
    if not std > 0:
        raise ArgumentError(f"blur is {std}; it is a standard deviation in pixels and must be above 0")
    axes = [axis - len(dims) for axis in picture_axes(dims)]
    maps = x.movedim(axes, (-2, -1))
    along_y, along_x = (_blurring(maps.shape[axis], std).to(x) for axis in (-2, -1))
    return stretched(maps, along_y, along_x).movedim((-2, -1), axes)


def _blurring(size: int, std: float) -> Tensor:
    """The weights `[size, size]` of the pixels of a line in each of its blurred ones, float64."""
    reach = int(TRUNCATED * std + 0.5)
    away = torch.arange(-reach, reach + 1)
    weight = torch.exp(-0.5 * (away.double() / std) ** 2)
    beyond = (torch.arange(size)[:, None] + away) % (2 * size)
    mirrored = torch.where(beyond < size, beyond, 2 * size - 1 - beyond)
    rows = (weight / weight.sum()).expand(size, -1)
    return torch.zeros(size, size, dtype=torch.float64).scatter_add_(1, mirrored, rows)


def interpolating(at: Tensor, points: int) -> Tensor:
    """The weights `[..., points]` of the points 0, 1, 2, ... in what lies between them linearly, at places `at`."""
    numbers = torch.arange(points, dtype=at.dtype, device=at.device)
    return (1 - (at[..., None] - numbers).abs()).clamp(min=0)


def stretched(maps: Tensor, along_y: Tensor, along_x: Tensor) -> Tensor:
    """Maps `[..., i, j]` as `[..., y, x]`, by the weights `[..., y, i]` and `[..., x, j]` along each axis."""
    return along_y @ maps @ along_x.transpose(-1, -2)


def beside_features(maps: Tensor, dims: Sequence[str]) -> Tensor:
    """Maps `[..., y, x]` as `[..., *feature]`, where all axes but y and x have length 1."""
    y, x = picture_axes(dims)
    in_order = maps if y < x else maps.transpose(-1, -2)
    sizes = [1] * len(dims)
    sizes[y], sizes[x] = maps.shape[-2:]
    return in_order.reshape(*maps.shape[:-2], *sizes)


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
