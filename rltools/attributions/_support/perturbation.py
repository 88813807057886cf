"""What a state is divided into, so that one part after another can be replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor
from torch.nn.functional import one_hot, pad

from rltools.attributions._support.coalitions import Groups, owners, spread
from rltools.attributions._support.image import beside_features, blurred, interpolating, picture_size, stretched
from rltools.attributions._support.method import Settings, copies_at_once, every_feature
from rltools.errors import ArgumentError
from rltools.spaces.axes import is_image


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


REPLACEMENTS = ("resample", "mean", "zero")
EVEN = 4
"""A matrix product rounds a row by where it lies in memory: of many copies in one call, those this far apart alike."""


def replacements_for(x: Tensor, references: Tensor, replacement: str) -> Tensor:
    """What parts of rows `x [batch, *feature]` are replaced by, `[stand-in, batch or 1, *feature]`.

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
    """`replacements_for`, or "blur", the rows themselves blurred; None is that for pictures and "resample" for all others.

    Raises:
        ArgumentError: another replacement, or what is no picture is to be blurred.
    """
    chosen = replacement or usual_replacement(dims)
    return blurred(x, dims, blur)[None] if chosen == "blur" else replacements_for(x, references, chosen)


def usual_replacement(dims: Sequence[str]) -> str:
    """What `replacements_or_blur` takes where nobody says."""
    return "blur" if is_image(dims) else "resample"


def copies_for(parts: int) -> int:
    """How many copies of a row `values_without` makes where it can hold all at once, to replace so many parts."""
    return EVEN + -(-parts // EVEN) * EVEN


def values_without(
    evaluate: Callable[[Tensor], Tensor], x: Tensor, stand_in: Tensor, parts: Parts, most_copies: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Scores of the rows, and with each part replaced, one block of parts after another.

    Args:
        evaluate: `[batch, copy, *feature] -> [batch, copy, k]`.
        x: `[batch, *feature]`.
        stand_in: `[batch or 1, *feature]`.
        parts: what is replaced, one at a time.
        most_copies: rows that go through `evaluate` at once; never fewer than `batch`.

    Yields:
        Of the rows as they are, `[batch, 1 or part, k]`, and with each part replaced, `[batch, part, k]`.
    """
    room = copies_at_once(most_copies, len(x)) // EVEN * EVEN
    if room < 2 * EVEN:
        whole = evaluate(x[:, None])
        for number in range(parts.count):
            yield whole, evaluate(_with_replaced(x, stand_in, parts.mask(_each(number, number + 1, parts, x))))
        return
    # A matrix product rounds a row by its place in memory, and by how many there are. So a row goes through the network
    # beside its copies, once for each place a copy can have: what the network ignores then changes nothing, exactly.
    for start in range(0, parts.count, room - EVEN):
        stop = min(start + room - EVEN, parts.count)
        replaced = pad(_each(start, stop, parts, x), (0, 0, EVEN, (start - stop) % EVEN))
        scores = evaluate(_with_replaced(x, stand_in, parts.mask(replaced)))
        places = torch.arange(stop - start, device=x.device)
        yield scores[:, places % EVEN], scores[:, EVEN + places]


def _each(start: int, stop: int, parts: Parts, like: Tensor) -> Tensor:
    """Each of the parts from `start` to `stop` alone, as weights `[stop - start, part]`."""
    return one_hot(torch.arange(start, stop, device=like.device), parts.count).to(like)


def _with_replaced(x: Tensor, stand_in: Tensor, mask: Tensor) -> Tensor:
    """Copies `[batch, copy, *feature]`: a row where a mask `[copy, *feature]` is 0, and its stand-in where it is 1."""
    return torch.lerp(x[:, None], stand_in[:, None], mask)


def lost_without(
    score: Callable[[Tensor], Tensor], x: Tensor, stand_in: Tensor, parts: Parts, most_copies: int
) -> Tensor:
    """What the score loses when each part is replaced, `[batch, target, part]`."""
    found = [whole - without for whole, without in values_without(score, x, stand_in, parts, most_copies)]
    return torch.cat(found, 1).transpose(1, 2)
