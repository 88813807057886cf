"""Arrays of texts or bytes, and slices of arrays whose copies would take much memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np


def object_column(values: Sequence[object]) -> np.ndarray:
    """Values of any length as an array `[row]` of objects, one in each row.

    >>> object_column(["left", "right"])
    array(['left', 'right'], dtype=object)
    """
    column = np.empty(len(values), object)
    column[:] = values
    return column


def slices(rows: int, size: int, *, numbers: int) -> Iterator[slice]:
    """Slices of `rows` rows of `size` numbers each, so that each slice has at most `numbers`, or a single row.

    >>> list(slices(5, size=4, numbers=8))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 6, None)]
    """
    few = max(1, numbers // max(1, size))
    return (slice(start, start + few) for start in range(0, rows, few))
