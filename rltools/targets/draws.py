"""Means over draws that all rows share (references, orders, noise), and the same means without each block of draws.

The means without each block of draws, as in a jackknife, show how far another draw would move the values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

BLOCKS = 8
"""Blocks of draws. Eight leave seven degrees of freedom: intervals are a sixth wider than with unlimited blocks, which
cost memory."""


def blocks_of_draws(count: int) -> list[slice]:
    """Divide draws into at most 8 blocks of neighbors, as nearly equal as they can be; none for fewer than two draws.

    Blocks are neighbors because references are in the order in which they were visited: those of one episode are alike.

    >>> blocks_of_draws(3)
    [slice(0, 1, None), slice(1, 2, None), slice(2, 3, None)]
    """
    blocks = min(count, BLOCKS)
    if blocks < 2:
        return []
    ends = [count * block // blocks for block in range(blocks + 1)]
    return [slice(start, stop) for start, stop in pairwise(ends)]


class DrawSums:
    """Sums of the values of each draw, block by block, in bounded memory.

    Args:
        count: how many draws there will be.
        leave_one_out: whether `without` is wanted; see `TargetFunction`.
    """

    def __init__(self, count: int, *, leave_one_out: bool) -> None:
        self._count, self._leave_one_out = count, leave_one_out
        self._slices = blocks_of_draws(count) or [slice(0, count)]
        self._sums: list[Tensor | None] = [None] * len(self._slices)
        self._added = 0

    def add(self, values: Tensor, draws: int = 1) -> None:
        """Add the values of the next draw, or the sum over the next few, all of one block; always of the same shape."""
        block = next(number for number, part in enumerate(self._slices) if self._added < part.stop)
        before = self._sums[block]
        self._sums[block] = values.clone() if before is None else before.add_(values)
        self._added += draws

    def mean(self) -> Tensor:
        """The mean over all draws."""
        return _sum(self._filled()) / self._count

    def without(self) -> Tensor | None:
        """The mean without each block, `[block, ...]`; None for fewer than two draws, or if it is not wanted."""
        if len(self._slices) < 2 or not self._leave_one_out:
            return None
        sums = self._filled()
        others = [sums[:block] + sums[block + 1 :] for block in range(len(sums))]
        counts = [self._count - part.stop + part.start for part in self._slices]
        return torch.stack([_sum(left) / count for left, count in zip(others, counts, strict=True)])

    def _filled(self) -> list[Tensor]:
        return [part for part in self._sums if part is not None]


def mean_over_blocks(
    function: Callable[[Tensor], Tensor], draws: Tensor, *, leave_one_out: bool
) -> tuple[Tensor, Tensor | None]:
    """The mean of a function that itself takes a mean over draws, and the mean without each block of draws.

    Args:
        function: from some of the draws to their mean; called once for each block.
        draws: `[draw, ...]`.
        leave_one_out: whether the mean without each block is wanted; None in its place otherwise.
    """
    blocks = blocks_of_draws(len(draws))
    if not blocks:
        return function(draws), None
    sums = DrawSums(len(draws), leave_one_out=leave_one_out)
    for block in blocks:
        count = block.stop - block.start
        sums.add(function(draws[block]) * count, count)
    return sums.mean(), sums.without()


def mean_over_draws(
    function: Callable[[Tensor], Tensor], draws: Sequence[Tensor] | Tensor, *, leave_one_out: bool
) -> tuple[Tensor, Tensor | None]:
    """The mean of a function over draws, one draw at a time to bound the memory, and the mean without each block.

    Args:
        function: from one draw to its values, always of the same shape.
        draws: one tensor each.
        leave_one_out: whether the mean without each block, `[block, ...]`, is wanted; None in its place otherwise.
    """
    sums = DrawSums(len(draws), leave_one_out=leave_one_out)
    for draw in draws:
        sums.add(function(draw))
    return sums.mean(), sums.without()


def _sum(parts: list[Tensor]) -> Tensor:
    """The sum, added up in order: the order of a reduction depends on how many rows there are."""
    total = parts[0].clone()
    for part in parts[1:]:
        total += part
    return total
