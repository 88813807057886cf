"""Where everything stands, in units of a picture 1280 x 720."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rltools.pages.replay.rows import Row
from rltools.plots.drawing.labels import feature_labels
from rltools.videos._pen import text_width
from rltools.videos._pictures import Picture
from rltools.videos._scene import Scene

LEFT, RIGHT = 28, 1252
TOP, MIDDLE, BOTTOM = 86, 400, 684
"""What is seen at a step lies between the first two, the whole episode between the others."""
RULE = 24
"""Between these two."""
GUTTERS = (200, 404)
"""The least and the most that names and numbers beside the tracks take."""
TRACKS_RIGHT = 948
PANEL = 992
"""Where the column of actions begins."""
CAPTION, HEADING = 20, 50
ROWS = 40
"""The most that a row of a feature takes."""
LARGE, MEDIUM, NAME, NOTE, TINY = 20, 16, 13, 12, 11
"""Sizes of letters."""


@dataclass(frozen=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Its right side."""
        return self.x + self.width


@dataclass(frozen=True)
class Layout:
    """Where everything stands.

    Attributes:
        pictures: side by side.
        bars: the rows of features.
        tracks: the whole episode, without names and numbers at its left.
        action: the left side of what was done, in the head.
    """

    pictures: list[Box]
    bars: Bars
    tracks: Box
    action: float


@dataclass(frozen=True)
class Bars:
    """Where the rows of features stand.

    Attributes:
        left: of the names.
        names: how wide they may be.
        values: the right side of the column of observed values.
        bars: the box of all bars.
        right: the right side of the column of numbers.
        row: how high one is.
        first: how many of them change their name from step to step.
    """

    left: float
    names: float
    values: float
    bars: Box
    right: float
    row: float
    first: int


def layout_of(scene: Scene, pictures: list[Picture]) -> Layout:
    """Where there are no pictures, and few features, the whole episode has more room."""
    boxes = _pictures(pictures)
    middle = float(MIDDLE) if boxes else min(MIDDLE, TOP + HEADING + ROWS * _count(scene))
    return Layout(boxes, _bars(scene, boxes, middle), _tracks(scene, middle + RULE), _action(scene))


def _count(scene: Scene) -> int:
    return max(1, len(scene.rows) + (scene.seen is not None))


def _action(scene: Scene) -> float:
    taken = scene.actions.taken
    if taken is None:
        return RIGHT + 36
    return RIGHT - 24 - max(text_width(scene.actions.names[at], LARGE, bold=True) for at in np.unique(taken))


def _tracks(scene: Scene, top: float) -> Box:
    widest = max((text_width(row.name, TINY) for row in scene.rows), default=0) if scene.explained else 0
    left = LEFT + min(max(float(GUTTERS[0]), widest + 16), float(GUTTERS[1]))
    return Box(left, top, TRACKS_RIGHT - left, BOTTOM - top)


def _pictures(pictures: list[Picture]) -> list[Box]:
    """Side by side, as high as there is room, all of one height."""
    if not pictures:
        return []
    high = float(MIDDLE - TOP) - (CAPTION if any(picture.caption for picture in pictures) else 0)
    shapes = [picture.size[0] / picture.size[1] for picture in pictures]
    wide = (472 if len(pictures) == 1 else 660) - 16 * (len(pictures) - 1)
    high = min(high, wide / sum(shapes))
    found, x = [], float(LEFT)
    for shape in shapes:
        found.append(Box(x, TOP, shape * high, high))
        x += shape * high + 16
    return found


def _bars(scene: Scene, pictures: list[Box], bottom: float) -> Bars:
    """Beside the pictures."""
    left = pictures[-1].right + 36 if pictures else LEFT
    room = RIGHT - left
    rows = scene.rows + (scene.seen.rows if scene.seen else [])
    widest = max((text_width(line, NAME) for lines in name_lines(rows) for line in lines), default=0)
    names = min(widest + 8, 0.42 * room)
    values = left + names + (64 if any(row.kind != "region" for row in scene.rows) else 0)
    numbers = 66 if scene.explained else 0
    top = TOP + HEADING
    row = min(float(ROWS), (bottom + 4 - top) / _count(scene))
    bars = Box(values + 16, top, RIGHT - numbers - values - 16, row * _count(scene))
    return Bars(left, names, values, bars, RIGHT, row, int(scene.seen is not None))


def name_lines(rows: list[Row]) -> list[list[str]]:
    """The name of each feature with its unit, on two lines where one would be long."""
    labels = feature_labels([row.name for row in rows], [row.unit for row in rows])
    return [label.split("\n") for label in labels]
