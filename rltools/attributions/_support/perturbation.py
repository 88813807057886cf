"""Parts of a state, and target values with one part after another replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor
from torch.nn.functional import one_hot, pad

from rltools.attributions._support.coalitions import Groups, owners, spread_evenly
from rltools.attributions._support.image import (
    beside_features,
    blurred,
    grid_size,
    image_size,
    interpolation_weights,
    resized,
)
from rltools.attributions._support.method import usual_replacement
from rltools.errors import ArgumentError
from rltools.targets.function import TargetFunction


@dataclass(frozen=True)
class Parts:
    """Parts of a state.

    Attributes:
        count: how many parts there are.
        mask: weights of the parts `[n, part]` -> of the elements `[n, *feature]`; axes may have length 1.
        spread: values of the parts `[batch, target, part]` -> of the elements `[batch, target, *feature]`.
    """

    count: int
    mask: Callable[[Tensor], Tensor]
    spread: Callable[[Tensor], Tensor]


def feature_parts(x: Tensor, groups: Groups | None) -> Parts:
    """Each element of `x [batch, *feature]`, or each group of them, over which its value is spread evenly.

    Args:
        x: the rows.
        groups: positions of elements in row-major order, each in one group; None for every element by itself.

    Raises:
        ArgumentError: an element is in no group, or in two.
    """
    owner = owners(x, groups)
    return Parts(
        len(groups) if groups else len(owner),
        lambda weights: weights[:, owner].reshape(len(weights), *x.shape[1:]),
        lambda values: spread_evenly(values, owner, x.shape[1:]),
    )


def pixel_parts(x: Tensor, dims: Sequence[str]) -> Parts:
    """Each pixel of an image, in all channels and frames, over which its value is spread evenly.

    Raises:
        ArgumentError: it is not an image.
    """
    size = image_size(x.shape[1:], dims)
    return Parts(
        prod(size),
        lambda weights: beside_features(weights.reshape(len(weights), *size), dims),
        lambda values: _over_channels(values.reshape(*values.shape[:2], *size), x, dims),
    )


def place_parts(x: Tensor, dims: Sequence[str], stride: int, radius: float) -> Parts:
    """The neighborhood of each place of a grid over an image, in all channels and frames.

    A part's weight falls off from 1 at its place like a Gaussian. Values are interpolated linearly between places;
    those of one pixel sum, over channels and frames, to the value of its place.

    Args:
        x: `[batch, *feature]`.
        dims: names of the feature axes.
        stride: pixels from one place to the next; the first one is the corner.
        radius: the Gaussian's standard deviation in pixels.

    Raises:
        ArgumentError: it is not an image; a stride below 1, or a radius that is not above 0.
    """
    if stride < 1:
        raise ArgumentError(f"stride is {stride}; it is the pixels between two places and must be at least 1")
    if not radius > 0:
        raise ArgumentError(f"radius is {radius}; it is a standard deviation in pixels and must be above 0")
    around, between, grid = [], [], grid_size(x.shape[1:], dims, stride)
    for length, places in zip(image_size(x.shape[1:], dims), grid, strict=True):
        pixels = torch.arange(length, dtype=torch.float64)
        around.append(torch.exp(-0.5 * ((pixels[:, None] - pixels[::stride]) / radius) ** 2).to(x))
        # Beyond the last place, its value continues.
        between.append(interpolation_weights((pixels / stride).clamp(max=places - 1), places).to(x))
    return Parts(
        prod(grid),
        lambda weights: beside_features(resized(weights.reshape(len(weights), *grid), *around), dims),
        lambda values: _over_channels(resized(values.reshape(*values.shape[:2], *grid), *between), x, dims),
    )


def _over_channels(maps: Tensor, x: Tensor, dims: Sequence[str]) -> Tensor:
    """Maps `[batch, target, y, x]` spread evenly over the other axes of the features."""
    others = prod(x.shape[1:]) // max(1, prod(maps.shape[2:]))
    return beside_features(maps, dims).expand(*maps.shape[:2], *x.shape[1:]) / others


REPLACEMENTS = ("resample", "mean", "zero")


def replacements_for(x: Tensor, references: Tensor, replacement: str) -> Tensor:
    """The values that replace parts of rows `x [batch, *feature]`: `[replacement, batch or 1, *feature]`.

    Args:
        x: the rows.
        references: `[reference, *feature]`.
        replacement: "resample", each reference in turn; "mean", the references' mean; "zero".

    Raises:
        ArgumentError: another replacement.
    """
    if replacement == "resample":
        return references[:, None]
    if replacement == "mean":
        return references.mean(0)[None, None]
    if replacement == "zero":
        return torch.zeros_like(references[:1])[None]
    raise ArgumentError(f"replacement is {replacement!r}; it must be one of {', '.join(map(repr, REPLACEMENTS))}")


def replacements_or_blur(
    x: Tensor, dims: Sequence[str], references: Tensor, replacement: str | None, blur: float
) -> Tensor:
    """`replacements_for`, or "blur", the rows themselves blurred; None is `usual_replacement`.

    Raises:
        ArgumentError: another replacement, or "blur" of rows that are not images.
    """
    chosen = replacement or usual_replacement(dims)
    return blurred(x, dims, blur)[None] if chosen == "blur" else replacements_for(x, references, chosen)


EVEN = 4
"""A matrix product rounds a row by its position in memory: among many copies, rows this far apart are rounded alike."""


def copies_for(parts: int) -> int:
    """How many copies of a row `values_without` makes to replace this many parts, if all fit into one pass."""
    return EVEN + -(-parts // EVEN) * EVEN


def values_without(
    f: TargetFunction,
    x: Tensor,
    replacement: Tensor,
    parts: Parts,
    evaluate: Callable[[Tensor], Tensor] | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """The target values of the rows, and with each part replaced, one block of parts after another.

    Args:
        f: the target function.
        x: `[batch, *feature]`.
        replacement: `[batch or 1, *feature]`.
        parts: replaced one at a time.
        evaluate: `[batch, copy, *feature] -> [batch, copy, k]`; None for the target values.

    Yields:
        The values of the rows as they are, `[batch, 1 or part, k]`, and with each part replaced, `[batch, part, k]`.
    """
    evaluate = evaluate or f
    most = f.copies_together(len(x)) // EVEN * EVEN
    if most < 2 * EVEN:
        intact = evaluate(x[:, None])
        for number in range(parts.count):
            mask = parts.mask(_one_hot_parts(number, number + 1, parts, x))
            yield intact, evaluate(_with_replaced(x, replacement, mask))
        return
    # A matrix product rounds a row by its position in memory, and by how many there are. So a row goes through the
    # network together with its copies, once for each position a copy can have: so a feature that the network ignores
    # changes nothing, exactly.
    for start in range(0, parts.count, most - EVEN):
        stop = min(start + most - EVEN, parts.count)
        weights = pad(_one_hot_parts(start, stop, parts, x), (0, 0, EVEN, (start - stop) % EVEN))
        values = evaluate(_with_replaced(x, replacement, parts.mask(weights)))
        numbers = torch.arange(stop - start, device=x.device)
        yield values[:, numbers % EVEN], values[:, EVEN + numbers]


def _one_hot_parts(start: int, stop: int, parts: Parts, like: Tensor) -> Tensor:
    """Each of the parts from `start` to `stop` alone, as weights `[stop - start, part]`."""
    return one_hot(torch.arange(start, stop, device=like.device), parts.count).to(like)


def _with_replaced(x: Tensor, replacement: Tensor, mask: Tensor) -> Tensor:
    """Copies `[batch, copy, *feature]`: the row where a mask `[copy, *feature]` is 0, its replacement where it is 1."""
    return torch.lerp(x[:, None], replacement[:, None], mask)


def lost_without(f: TargetFunction, x: Tensor, replacement: Tensor, parts: Parts) -> Tensor:
    """How much the target value falls when each part is replaced, `[batch, target, part]`."""
    lost = [intact - without for intact, without in values_without(f, x, replacement, parts)]
    return torch.cat(lost, 1).transpose(1, 2)
