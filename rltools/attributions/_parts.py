"""What a state is divided into, so that one part after another can be replaced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from rltools.attributions._coalitions import Groups, owners, spread
from rltools.attributions._method import Settings, every_feature
from rltools.attributions._picture import beside_features, interpolating, picture_size, stretched
from rltools.axes import is_image
from rltools.errors import ArgumentError


@dataclass(frozen=True)
class Parts:
    """Parts of a state.

    Attributes:
        count: how many.
        mask: weights of the parts `[n, part]` -> of the entries `[n, *feature]`, where axes may have length 1.
        spread: values of the parts `[batch, target, part]` -> of the entries `[batch, target, *feature]`.
    """

    count: int
    mask: Callable[[Tensor], Tensor]
    spread: Callable[[Tensor], Tensor]


def entry_parts(x: Tensor, groups: Groups | None) -> Parts:
    """Each entry of `x [batch, *feature]`, or each group of them; a group's value is spread evenly over its entries.

    Args:
        x: whose entries.
        groups: their positions in row-major order, each in one group; None for every entry by itself.

    Raises:
        ArgumentError: an entry is in no group, or in two.
    """
    owner = owners(x, groups)
    return Parts(
        len(groups) if groups else len(owner),
        lambda weights: weights[:, owner].reshape(len(weights), *x.shape[1:]),
        lambda values: spread(values, owner, x.shape[1:]),
    )


def pixel_parts(x: Tensor, dims: Sequence[str]) -> Parts:
    """Each pixel of a picture, in all channels and frames, over which its value is spread evenly.

    Raises:
        ArgumentError: it is no picture.
    """
    size = picture_size(x.shape[1:], dims)
    return Parts(
        prod(size),
        lambda weights: beside_features(weights.reshape(len(weights), *size), dims),
        lambda values: _over_channels(values.reshape(*values.shape[:2], *size), x, dims),
    )


def place_parts(x: Tensor, dims: Sequence[str], stride: int, radius: float) -> Parts:
    """What lies around each place of a grid over a picture, in all channels and frames.

    A part's weight falls off from its place as a Gaussian, which is 1 there. Values are interpolated linearly between
    places; those of one pixel sum, over channels and frames, to the value of its place.

    Args:
        x: `[batch, *feature]`.
        dims: names of the feature axes.
        stride: pixels from one place to the next; the first one is the corner.
        radius: the Gaussian's standard deviation in pixels.

    Raises:
        ArgumentError: it is no picture; a stride below 1, or a radius that is not above 0.
    """
    if stride < 1:
        raise ArgumentError(f"stride is {stride}; it is the pixels between two places and must be at least 1")
    if not radius > 0:
        raise ArgumentError(f"radius is {radius}; it is a standard deviation in pixels and must be above 0")
    around, between, grid = [], [], []
    for length in picture_size(x.shape[1:], dims):
        pixels = torch.arange(length, dtype=torch.float64)
        places = pixels[::stride]
        around.append(torch.exp(-0.5 * ((pixels[:, None] - places) / radius) ** 2).to(x))
        # Beyond the last place its own value holds.
        between.append(interpolating((pixels / stride).clamp(max=len(places) - 1), len(places)).to(x))
        grid.append(len(places))
    return Parts(
        prod(grid),
        lambda weights: beside_features(stretched(weights.reshape(len(weights), *grid), *around), dims),
        lambda values: _over_channels(stretched(values.reshape(*values.shape[:2], *grid), *between), x, dims),
    )


def every_place(shape: Sequence[int], dims: Sequence[str], settings: Settings) -> tuple[int, Settings]:
    """Each place of `place_parts`; where there are groups, or no picture, each of these or each feature.

    As `Method.fitting`; a stride that `place_parts` refuses counts as 1.
    """
    if settings.get("groups") or not is_image(dims):
        return every_feature(shape, dims, settings)
    return prod(-(-length // max(1, settings["stride"])) for length in picture_size(shape, dims)), settings


def _over_channels(maps: Tensor, x: Tensor, dims: Sequence[str]) -> Tensor:
    """Maps `[batch, target, y, x]` spread evenly over the other axes of the features."""
    others = prod(x.shape[1:]) // max(1, prod(maps.shape[2:]))
    return beside_features(maps, dims).expand(*maps.shape[:2], *x.shape[1:]) / others
