"""How many rows a GPU has memory for, and what happens when the guess was too high."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch

from rltools.errors import TooCostlyError
from rltools.policies.base import Policy
from rltools.policies.network_size import row_bytes

SHARE = 4
"""A pass through the network takes at most this part of a card's memory: a method keeps other copies beside it, and
other programs use the card too."""
T = TypeVar("T")


def fitting_rows(policy: Policy) -> int:
    """How many rows go through the network together on the GPU it is on, by the size of the card.

    By its whole memory and not by what is free now, so that the same card always computes the same numbers.

    Raises:
        ArgumentError: the device has no such memory.
    """
    memory = torch.cuda.get_device_properties(policy.device).total_memory
    return max(1, memory // SHARE // row_bytes(policy))


def halving(rows: int, size: int, compute: Callable[[slice, int], T]) -> Iterator[tuple[slice, T]]:
    """What `compute` returns for consecutive rows, so many together, and half as many whenever a GPU has no memory.

    Args:
        rows: how many there are; for none, `compute` is called once with an empty slice.
        size: how many are computed together at first.
        compute: called with a slice of the rows, and by how many halves the memory was too small so far, 0 at first.

    Yields:
        Each slice, and its result.

    Raises:
        TooCostlyError: not even a single row fits.

    Example:
        >>> from rltools.policies.device_memory import halving
        >>> [(part.start, result) for part, result in halving(5, 2, lambda part, halvings: halvings)]
        [(0, 0), (2, 0), (4, 0)]
    """
    start, halvings = 0, 0
    size = max(1, min(size, rows))
    while start < max(rows, 1):
        part = slice(start, min(start + size, rows))
        try:
            result = compute(part, halvings)
        except torch.cuda.OutOfMemoryError as error:
            halvings += 1
            if halvings > MOST_HALVINGS:
                raise TooCostlyError(
                    f"the GPU has no memory for {part.stop - part.start} of {rows} rows, not even after the batches "
                    f"were halved {MOST_HALVINGS} times ({str(error).splitlines()[0]}); close other programs on it, "
                    "or compute on the CPU"
                ) from error
            size = max(1, size // 2)
            torch.cuda.empty_cache()  # its pieces may have the wrong sizes
            continue
        yield part, result
        start += size


MOST_HALVINGS = 20
"""From a million rows to one."""
