"""What is drawn over the whole episode, one above the other on one time axis."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rltools.plots.drawing.colors import action_color
from rltools.plots.drawing.labels import plain
from rltools.videos._colors import Color, color, of_hex
from rltools.videos._layout import Box
from rltools.videos._numbers import fixed
from rltools.videos._painting import paint_heat, paint_lines, paint_strip
from rltools.videos._pen import Pen
from rltools.videos._scene import Scene

GAP = 9
STRIP = 14
HEAT, HEAT_ROW = 142, 22
LINE = 110
"""The most that is given to all rows of colors, to one of them, and to a track of lines."""


@dataclass(frozen=True)
class Track:
    """One of them.

    Attributes:
        title: beside it; "" where its rows have names of their own.
        now: what stands under the title at a step.
        height: that it wants.
        paint: draws it in a box.
    """

    title: str
    now: Callable[[int], str]
    height: float
    paint: Callable[[Pen, Box], None]


def tracks_of(scene: Scene, place: Box) -> list[tuple[Track, Box]]:
    """Each with its part of a place."""
    tracks = [*_explained(scene), *_policy(scene), _return(scene)]
    room = place.height - GAP * (len(tracks) - 1)
    lines = [track for track in tracks if math.isinf(track.height)]
    fixed_height = sum(track.height for track in tracks if track not in lines)
    line = min(LINE, (room - fixed_height) / len(lines))
    found, y = [], place.y
    for track in tracks:
        height = line if track in lines else track.height
        found.append((track, Box(place.x, y, place.width, height)))
        y += height + GAP
    return found


def step_x(place: Box, step: int, steps: int) -> float:
    """Where the middle of a step is."""
    return place.x + (step + 0.5) / steps * place.width


def _explained(scene: Scene) -> list[Track]:
    asked = scene.explained
    if asked is None:
        return []
    size = _size(asked.scores)
    row = min(HEAT_ROW, HEAT / max(1, len(scene.rows)))
    heats = Track("", lambda step: "", row * len(scene.rows), lambda pen, box: paint_heat(scene, pen, box))
    score = _lines(plain(asked.label), lambda step: fixed(asked.scores[step], size), [(asked.scores, color("ink"))])
    return [heats, score]


def _policy(scene: Scene) -> list[Track]:
    """A strip of colors for one choice a step, with what was thought of each where there is room; lines for others."""
    actions = scene.actions
    columns = [(actions.values[:, at], of_hex(action_color(at))) for at in actions.shown]
    if actions.taken is None:
        return [_lines("action taken", lambda step: "", columns)]
    strip = Track("action", lambda step: "", STRIP, lambda pen, box: paint_strip(scene, pen, box))
    return [strip] if scene.explained else [strip, _lines(actions.what.partition(";")[0], lambda step: "", columns)]


def _return(scene: Scene) -> Track:
    so_far = np.cumsum(scene.episode.rewards)
    size = _size(so_far)
    return _lines("return so far", lambda step: fixed(so_far[step], size), [(so_far, color("ink"))])


def _size(values: np.ndarray) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max(initial=0))


def _lines(title: str, now: Callable[[int], str], columns: list[tuple[np.ndarray, Color]]) -> Track:
    return Track(title, now, math.inf, lambda pen, box: paint_lines(columns, pen, box))
