"""How what is drawn over the whole episode looks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from rltools.plots.drawing.colors import action_color
from rltools.plots.drawing.labels import plain
from rltools.videos._colors import Color, color, heat, of_hex
from rltools.videos._layout import LEFT, TINY, Box
from rltools.videos._numbers import fixed
from rltools.videos._pen import Pen, fitted
from rltools.videos._scene import Scene


def paint_lines(columns: list[tuple[np.ndarray, Color]], pen: Pen, box: Box) -> None:
    """Numbers `[step]` as lines, each in its color, on one scale."""
    every = np.concatenate([values for values, _ in columns])
    finite = every[np.isfinite(every)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    pad = 0.1 * (high - low) or 0.1 * abs(high) or 1.0

    def height(value: float) -> float:
        return (high + pad - value) / (high - low + 2 * pad)

    if low < 0 < high:
        pen.box(box.x, box.y + height(0) * box.height, box.width, 1, color("faint"))
    for value in {low, high}:
        place = (box.x - 8, box.y + height(value) * box.height)
        pen.text(place, fixed(value, high - low, 1), "muted", size=TINY, anchor="rm")
    for values, ink in columns:
        runs = [
            [((t + 0.5) / len(values), height(values[t])) for t in range(start, stop)]
            for start, stop in _runs(np.isfinite(values))
        ]
        pen.lines((box.x, box.y, box.width, box.height), runs, ink)
    pen.box(box.x, box.y + box.height, box.width, 1, color("rule"))


def _runs(there: np.ndarray) -> list[tuple[int, int]]:
    """Where a line begins and ends between gaps."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]]).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def paint_strip(scene: Scene, pen: Pen, box: Box) -> None:
    """The action taken at each step, by its color."""
    taken = scene.actions.taken
    if taken is None:
        return
    changes = [0, *(np.flatnonzero(np.diff(taken)) + 1).tolist(), len(taken)]
    for start, stop in pairwise(changes):
        x, width = (part / len(taken) * box.width for part in (start, stop - start))
        pen.box(box.x + x, box.y, width, box.height, of_hex(action_color(int(taken[start]))))


def paint_heat(scene: Scene, pen: Pen, box: Box) -> None:
    """The attributions of all rows, with their names."""
    from PIL import Image

    asked = scene.explained
    if asked is None or not scene.rows:
        return
    width, height = pen.size(box.width, box.height)
    shown = strongest(asked.values, width).T
    picture = Image.fromarray(heat(shown, asked.scale)).resize((width, height), Image.Resampling.NEAREST)
    pen.paste(box.x, box.y, picture)
    row = box.height / len(scene.rows)
    for at, feature in enumerate(scene.rows):
        if at:
            pen.box(box.x, box.y + at * row, box.width, 1, color("paper"))
        name = fitted(plain(feature.name, 80), box.x - LEFT - 10, TINY)
        pen.text((box.x - 8, box.y + (at + 0.5) * row), name, "muted", size=TINY, anchor="rm")


def strongest(values: np.ndarray, columns: int) -> np.ndarray:
    """`[step, row]` -> `[column, row]`: of the steps that share a column of pixels the one that matters most."""
    steps = len(values)
    starts = np.arange(columns) * steps // columns
    stops = np.maximum(starts + 1, (np.arange(columns) + 1) * steps // columns)
    sizes = np.where(np.isfinite(values), np.abs(values), -1.0)
    at = np.stack([start + sizes[start:stop].argmax(axis=0) for start, stop in zip(starts, stops, strict=True)])
    return np.take_along_axis(values, at, axis=0)
