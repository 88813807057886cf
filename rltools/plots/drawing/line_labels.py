"""Looks of lines that stand for features, and their names, written where there is room beside each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rltools.plots.drawing.colors import theme_color

Point = tuple[float, float]
Dashes = str | tuple[float, tuple[float, ...]]
PAD = 0.05
"""The smallest gap between a name and a line, in inches."""
_GRID = 32
_UNCLEAR, _ON_OTHERS, _AMBIGUOUS = 100.0, 1.0, 2.0


_LOOKS: tuple[tuple[str, Dashes], ...] = (
    ("accent", "-"),
    ("ink", "-"),
    ("muted", "-"),
    ("ink", (0, (4, 2))),
    ("muted", (0, (4, 2))),
    ("ink", (0, (1, 1.5))),
)


def line_look(index: int) -> tuple[str, Dashes]:
    """Color and dashes of a line among several that are named at their ends; the first one stands out.

    Lines stand for features, which have no colors of their own: hues mean signs and actions.
    """
    name, dashes = _LOOKS[min(index, len(_LOOKS) - 1)]
    return theme_color(name), dashes


Line = tuple[np.ndarray, np.ndarray]
"""The x and y of the points of a line, with x ascending."""


def places_beside(
    lines: Sequence[Line], sizes: Sequence[Point], low: Point, high: Point, others: Sequence[Line] = ()
) -> list[Point | None]:
    """The center of the name of each line: near its own line, farther from the others, crossing none.

    All lengths are in inches, in the same coordinates. A line among others that leave no such place has None.

    Args:
        lines: those that have names.
        sizes: width and height of each name.
        low: the lower left corner of where names may be.
        high: the upper right corner.
        others: lines without a name, that none is written on.
    """
    places: list[Point | None] = []
    for number, (width, height) in enumerate(sizes):
        x, y = np.meshgrid(
            np.linspace(low[0] + width / 2, max(high[0] - width / 2, low[0] + width / 2), _GRID),
            np.linspace(low[1] + height / 2, high[1] - height / 2, 2 * _GRID),
        )
        gaps = np.stack([_gap(line, x, y, width, height) for line in lines])
        nearest = np.delete(gaps, number, axis=0).min(axis=0, initial=np.inf)
        unclear = (gaps < PAD).any(axis=0) | (nearest < 1.5 * gaps[number])
        cost = gaps[number] + _UNCLEAR * unclear
        cost += _AMBIGUOUS * np.maximum(gaps[number] + 0.15 - nearest, 0)
        cost += sum(_ON_OTHERS * (_gap(line, x, y, width, height) < PAD / 2) for line in others)
        for place, (other_width, other_height) in zip(places, sizes, strict=False):
            if place is not None:
                beside = np.abs(x - place[0]) > (width + other_width) / 2 + PAD
                above = np.abs(y - place[1]) > (height + other_height) / 2 + PAD
                cost += _UNCLEAR * ~(beside | above)
        best = np.unravel_index(int(np.argmin(cost)), cost.shape)
        places.append((float(x[best]), float(y[best])) if cost[best] < _UNCLEAR else None)
    return places


def _gap(line: Line, x: np.ndarray, y: np.ndarray, width: float, height: float) -> np.ndarray:
    """The smallest vertical gap between a line and boxes with these centers; 0 where it crosses a box."""
    across = x[0] + np.linspace(-width / 2, width / 2, 15)[:, None]
    heights = np.interp(across, *line)[:, None, :] - y[None]
    gap: np.ndarray = np.maximum(np.abs(heights) - height / 2, 0).min(axis=0)
    gap[np.sign(heights).min(axis=0) != np.sign(heights).max(axis=0)] = 0
    return gap
