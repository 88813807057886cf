"""Image observations: their axes, blurring them, and maps and random masks over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rltools.errors import ArgumentError
from rltools.spaces.axes import is_image

TRUNCATED = 4.0
"""Standard deviations after which a blur's Gaussian ends, as in the papers' code."""


def image_axes(dims: Sequence[str]) -> tuple[int, int]:
    """The positions of the axes "y" and "x" among the axes of a row.

    Raises:
        ArgumentError: the row is not an image.
    """
    if not is_image(dims):
        raise ArgumentError(
            f"places and blurring are for images, with axes y and x; these observations have {', '.join(dims)}: take "
            f"occlusion, or replacement='resample'"
        )
    return dims.index("y"), dims.index("x")


def image_size(shape: Sequence[int], dims: Sequence[str]) -> tuple[int, int]:
    """How many pixels rows of this shape have along y and x.

    Raises:
        ArgumentError: they are not images.
    """
    y_axis, x_axis = image_axes(dims)
    return shape[y_axis], shape[x_axis]


def grid_size(shape: Sequence[int], dims: Sequence[str], stride: int) -> tuple[int, int]:
    """How many places a grid over images of this shape has along y and x, `stride` pixels apart.

    Raises:
        ArgumentError: they are not images.
    """
    height, width = image_size(shape, dims)
    return -(-height // stride), -(-width // stride)


def blurred(x: Tensor, dims: Sequence[str], std: float) -> Tensor:
    """Blur every channel and frame of images `x [batch, *feature]` by a Gaussian, mirrored at their edges.

    Raises:
        ArgumentError: they are not images, or the Gaussian's standard deviation, in pixels, is not above 0.
    """
    if not std > 0:
        raise ArgumentError(f"blur is {std}; it is a standard deviation in pixels and must be above 0")
    axes = [axis - len(dims) for axis in image_axes(dims)]
    maps = x.movedim(axes, (-2, -1))
    along_y, along_x = (_blur_weights(maps.shape[axis], std).to(x) for axis in (-2, -1))
    return resized(maps, along_y, along_x).movedim((-2, -1), axes)


def _blur_weights(size: int, std: float) -> Tensor:
    """The weights of a line's pixels in each of its blurred pixels, float64 `[size, size]`."""
    reach = int(TRUNCATED * std + 0.5)
    distance = torch.arange(-reach, reach + 1)
    weight = torch.exp(-0.5 * (distance.double() / std) ** 2)
    unfolded = (torch.arange(size)[:, None] + distance) % (2 * size)
    mirrored = torch.where(unfolded < size, unfolded, 2 * size - 1 - unfolded)
    rows = (weight / weight.sum()).expand(size, -1)
    return torch.zeros(size, size, dtype=torch.float64).scatter_add_(1, mirrored, rows)


def interpolation_weights(positions: Tensor, points: int) -> Tensor:
    """The weights `[..., point]` of the points 0, 1, 2, ... in a linear interpolation at positions `[...]`."""
    numbers = torch.arange(points, dtype=positions.dtype, device=positions.device)
    return (1 - (positions[..., None] - numbers).abs()).clamp(min=0)


def resized(maps: Tensor, along_y: Tensor, along_x: Tensor) -> Tensor:
    """Resize maps `[..., i, j]` to `[..., y, x]` by the weights `[..., y, i]` and `[..., x, j]` along each axis."""
    return along_y @ maps @ along_x.transpose(-1, -2)


def beside_features(maps: Tensor, dims: Sequence[str]) -> Tensor:
    """Maps `[..., y, x]` as `[..., *feature]`, with length 1 along all axes but y and x."""
    y_axis, x_axis = image_axes(dims)
    in_order = maps if y_axis < x_axis else maps.transpose(-1, -2)
    sizes = [1] * len(dims)
    sizes[y_axis], sizes[x_axis] = maps.shape[-2:]
    return in_order.reshape(*maps.shape[:-2], *sizes)


@dataclass(frozen=True)
class Masks:
    """Random masks, each a weight between 0 and 1 for every part; the mean weight is the probability of showing it.

    Attributes:
        weights: positions of masks -> `[mask, part]`.
        variance: of a part's weight.
    """

    weights: Callable[[slice | Tensor], Tensor]
    variance: float


def part_masks(masks: int, parts: int, probability: float, seed: int, like: Tensor) -> Masks:
    """Masks that show each part independently of the others."""
    drawn = torch.rand(masks, parts, generator=torch.Generator().manual_seed(seed)) < probability
    weights = drawn.to(like)
    return Masks(lambda part: weights[part], probability * (1 - probability))


def pixel_masks(masks: int, size: tuple[int, int], cells: int, probability: float, seed: int, like: Tensor) -> Masks:
    """Masks that show coarse cells independently, enlarged linearly to pixels, and shifted by up to a cell.

    Args:
        masks: how many.
        size: pixels along y and x.
        cells: along each of them, at most one for each pixel.
        probability: that a cell is shown.
        seed: of the masks.
        like: a tensor of the dtype and device that weights have.
    """
    generator = torch.Generator().manual_seed(seed)
    edges = [-(-pixels // cells) for pixels in size]  # of a cell, in pixels
    # A shift leaves the last pixel short of one more cell, between two points of the coarse grid.
    points = [(pixels + edge - 2) // edge + 2 for pixels, edge in zip(size, edges, strict=True)]
    drawn = torch.rand(masks, *points, generator=generator) < probability
    shifts = [torch.randint(edge, (masks, 1), generator=generator) for edge in edges]
    grid, (down, across) = drawn.to(like), (shift.to(like) for shift in shifts)

    def along(part: slice | Tensor, shift: Tensor, axis: int) -> Tensor:
        pixels = torch.arange(size[axis], dtype=like.dtype, device=like.device)
        return interpolation_weights((pixels + shift[part]) / edges[axis], points[axis])

    def weights(part: slice | Tensor) -> Tensor:
        return resized(grid[part], along(part, down, 0), along(part, across, 1)).flatten(1)

    variance = probability * (1 - probability)
    for edge in edges:
        between = torch.arange(edge, dtype=torch.float64) / edge
        variance *= float((between**2 + (1 - between) ** 2).mean())
    return Masks(weights, variance)
