"""What was drawn for all rows together, in blocks: references, orders, noise. Values without each show its part."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

BLOCKS = 8
"""Eight leave seven degrees of freedom: intervals are a sixth wider than with unlimited blocks, which cost memory."""


def blocks_of(count: int) -> list[slice]:
    """So many draws in at most 8 blocks of neighbors, as nearly equal as they can be; none of fewer than two draws.

    Neighbors, because references are kept in the order in which they were visited: those of one episode are alike.

    >>> blocks_of(3)
    [slice(0, 1, None), slice(1, 2, None), slice(2, 3, None)]
    """
    blocks = min(count, BLOCKS)
    if blocks < 2:
        return []
    ends = [count * block // blocks for block in range(blocks + 1)]
    return [slice(start, stop) for start, stop in pairwise(ends)]


class DrawSums:
    """Adds up what each draw gives, block by block, in bounded memory.

    Args:
        count: how many draws there will be.
        leave_one_out: whether `without` is wanted; see `TargetFunction`.
    """

    def __init__(self, count: int, *, leave_one_out: bool) -> None:
        self._count, self._leave_one_out = count, leave_one_out
        self._slices = blocks_of(count) or [slice(0, count)]
        self._sums: list[Tensor | None] = [None] * len(self._slices)
        self._drawn = 0

    def add(self, values: Tensor) -> None:
        """What the next draw gives, all of the same shape."""
        block = next(at for at, part in enumerate(self._slices) if self._drawn < part.stop)
        before = self._sums[block]
        self._sums[block] = values.clone() if before is None else before.add_(values)
        self._drawn += 1

    def mean(self) -> Tensor:
        """Over all draws."""
        return _sum(self._added()) / self._count

    def without(self) -> Tensor | None:
        """The mean without each block, `[block, ...]`; None of fewer than two draws, or where it is not wanted."""
        if len(self._slices) < 2 or not self._leave_one_out:
            return None
        sums = self._added()
        left = [sums[:at] + sums[at + 1 :] for at in range(len(sums))]
        counts = [self._count - part.stop + part.start for part in self._slices]
        return torch.stack([_sum(others) / count for others, count in zip(left, counts, strict=True)])

    def _added(self) -> list[Tensor]:
        return [part for part in self._sums if part is not None]


def mean_of_blocks(
    function: Callable[[Tensor], Tensor], draws: Tensor, *, leave_one_out: bool
) -> tuple[Tensor, Tensor | None]:
    """Of a function that takes a mean over draws: the mean over all of them, and that without each block.

    Args:
        function: from some of the draws to their mean; called once for each block.
        draws: `[draw, ...]`.
        leave_one_out: whether the mean without each block is wanted; None in its place where it is not.
    """
    blocks = blocks_of(len(draws))
    if not blocks:
        return function(draws), None
    sums = [function(draws[block]) * (block.stop - block.start) for block in blocks]
    mean = _sum(sums) / len(draws)
    if not leave_one_out:
        return mean, None
    without = [
        _sum(sums[:at] + sums[at + 1 :]) / (len(draws) - block.stop + block.start) for at, block in enumerate(blocks)
    ]
    return mean, torch.stack(without)


def mean_without(draws: Tensor) -> Tensor | None:
    """The mean of `draws [draw, ...]` without each block of them, `[block, ...]`; None of fewer than two draws."""
    sums = DrawSums(len(draws), leave_one_out=True)
    for values in draws:
        sums.add(values)
    return sums.without()


def _sum(parts: list[Tensor]) -> Tensor:
    """One after another: a reduction adds up in an order that depends on how many rows there are."""
    total = parts[0].clone()
    for part in parts[1:]:
        total += part
    return total
