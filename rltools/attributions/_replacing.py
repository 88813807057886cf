"""Copies of states with something replaced, and what the score makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.functional import one_hot, pad

from rltools.attributions._blocks import copies_at_once
from rltools.attributions._parts import Parts
from rltools.attributions._picture import blurred
from rltools.axes import is_image
from rltools.errors import ArgumentError

REPLACEMENTS = ("resample", "mean", "zero")
EVEN = 4
"""A matrix product rounds a row by where it lies in memory: of many copies in one call, those this far apart alike."""


def stand_ins(x: Tensor, reference: Tensor, replacement: str) -> Tensor:
    """What parts of rows `x [batch, *feature]` are replaced by, `[stand-in, batch or 1, *feature]`.

    Args:
        x: the rows.
        reference: `[reference, *feature]`.
        replacement: "resample", each reference in turn; "mean", the references' mean; "zero".

    Raises:
        ArgumentError: another replacement.
    """
    if replacement == "resample":
        return reference[:, None]
    if replacement == "mean":
        return reference.mean(0)[None, None]
    if replacement == "zero":
        return torch.zeros_like(reference[:1])[None]
    raise ArgumentError(f"replacement is {replacement!r}; it must be one of {', '.join(map(repr, REPLACEMENTS))}")


def stand_ins_or_blur(
    x: Tensor, dims: Sequence[str], reference: Tensor, replacement: str | None, blur: float
) -> Tensor:
    """`stand_ins`, or "blur", the rows themselves blurred; None is that for pictures and "resample" for all others.

    Raises:
        ArgumentError: another replacement, or what is no picture is to be blurred.
    """
    chosen = replacement or usual_replacement(dims)
    return blurred(x, dims, blur)[None] if chosen == "blur" else stand_ins(x, reference, chosen)


def usual_replacement(dims: Sequence[str]) -> str:
    """What `stand_ins_or_blur` takes where nobody says."""
    return "blur" if is_image(dims) else "resample"


def copies_for(parts: int) -> int:
    """How many copies of a row `scores_without` makes where it can hold all at once, to replace so many parts."""
    return EVEN + -(-parts // EVEN) * EVEN


def scores_without(
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
    found = [whole - without for whole, without in scores_without(score, x, stand_in, parts, most_copies)]
    return torch.cat(found, 1).transpose(1, 2)
