"""Names of lines, written where there is room beside each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Point = tuple[float, float]
PAD = 0.05
"""The smallest gap between a name and a line, in inches."""
_GRID = 32
_CROSSED, _AMBIGUOUS = 10.0, 3.0


Line = tuple[np.ndarray, np.ndarray]
"""The x and y of the points of a line, with x ascending."""


def places_beside(
    lines: Sequence[Line], sizes: Sequence[Point], low: Point, high: Point, others: Sequence[Line] = ()
) -> list[Point]:
    """The center of the name of each line: near its own line, apart from the others, crossing none.

    All lengths are in inches, in the same coordinates.

    Args:
        lines: those that have names.
        sizes: width and height of each name.
        low: the lower left corner of where names may be.
        high: the upper right corner.
        others: lines without a name, that none is written on.
    """
    places: list[Point] = []
    for number, (width, height) in enumerate(sizes):
        x, y = np.meshgrid(
            np.linspace(low[0] + width / 2, max(high[0] - width / 2, low[0] + width / 2), _GRID),
            np.linspace(low[1] + height / 2, high[1] - height / 2, 2 * _GRID),
        )
        gaps = np.stack([_gap(line, x, y, width, height) for line in lines])
        nearest = np.delete(gaps, number, axis=0).min(axis=0, initial=np.inf)
        cost = gaps[number] + _CROSSED * (gaps < PAD).sum(axis=0)
        cost += _AMBIGUOUS * np.maximum(gaps[number] + 0.1 - nearest, 0)
        cost += sum(_CROSSED / 2 * (_gap(line, x, y, width, height) < PAD / 2) for line in others)
        for (other_x, other_y), (other_width, other_height) in zip(places, sizes, strict=False):
            beside = np.abs(x - other_x) > (width + other_width) / 2 + PAD
            above = np.abs(y - other_y) > (height + other_height) / 2 + PAD
            cost += 10 * _CROSSED * ~(beside | above)
        best = np.unravel_index(int(np.argmin(cost)), cost.shape)
        places.append((float(x[best]), float(y[best])))
    return places


def _gap(line: Line, x: np.ndarray, y: np.ndarray, width: float, height: float) -> np.ndarray:
    """The smallest vertical gap between a line and boxes with these centers; 0 where it crosses a box."""
    across = x[0] + np.linspace(-width / 2, width / 2, 15)[:, None]
    heights = np.interp(across, *line)[:, None, :] - y[None]
    gap: np.ndarray = np.maximum(np.abs(heights) - height / 2, 0).min(axis=0)
    gap[np.sign(heights).min(axis=0) != np.sign(heights).max(axis=0)] = 0
    return gap
