"""What bars, heatmap and traces have a row for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod

import numpy as np

from rltools.features import Features, Part


@dataclass(frozen=True)
class Row:
    """An entry of the observation, or a region of a picture in it.

    Attributes:
        name: of it.
        unit: "" where there is none.
        kind: "number", "choice" or "region".
        entries: row-major positions in the encoded observation.
    """

    name: str
    unit: str
    kind: str
    entries: np.ndarray


def rows_of(features: Features) -> list[Row]:
    """A row for each entry of an observation; of a picture for each region, over all of its channels and lags."""
    units = features.units or ("",) * features.size
    found: list[Row] = []
    for part in features.parts:
        if part.is_image:
            prefix = f"{part.leaf.name}: " if part.leaf.name else ""
            found += [Row(prefix + name, "", "region", part.start + at) for name, at in _regions(part)]
        else:
            places = range(part.start, part.stop)
            found += [Row(features.names[at], units[at], part.leaf.kind, np.array([at])) for at in places]
    return found


def plane(part: Part) -> np.ndarray:
    """The positions of a picture's entries in its own numbers, those of one pixel side by side: `[y, x, entry]`."""
    height, width = (part.shape[part.dims.index(axis)] for axis in ("y", "x"))
    places = np.arange(prod(part.shape)).reshape(part.shape)
    in_front = np.moveaxis(places, [part.dims.index("y"), part.dims.index("x")], [0, 1])
    return in_front.reshape(height, width, -1)


def _regions(part: Part) -> list[tuple[str, np.ndarray]]:
    pixels = plane(part)
    grid = Features(pixels.shape[:2], ("y", "x")).groups()
    return [(name, pixels.reshape(-1, pixels.shape[2])[at].ravel()) for name, at in grid]


def summed(values: np.ndarray, rows: Sequence[Row]) -> np.ndarray:
    """`[..., entry]` -> float64 `[..., row]`, summed over the entries of each row."""
    if not rows:
        return np.zeros((*values.shape[:-1], 0))
    order = np.concatenate([row.entries for row in rows])
    starts = [0, *accumulate(len(row.entries) for row in rows[:-1])]
    sums: np.ndarray = np.add.reduceat(values[..., order], starts, axis=-1, dtype=np.float64)
    return sums
