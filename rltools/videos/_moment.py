"""What belongs to one step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rltools.plots.drawing.colors import action_color
from rltools.plots.drawing.labels import plain
from rltools.videos._colors import color, of_hex
from rltools.videos._layout import (
    BOTTOM,
    LARGE,
    LEFT,
    MEDIUM,
    NAME,
    NOTE,
    PANEL,
    RIGHT,
    TOP,
    Bars,
    Box,
    Layout,
    name_lines,
)
from rltools.videos._numbers import fixed, signed
from rltools.videos._pen import Pen, fitted, text_width
from rltools.videos._still import ACTION_ROW, draw_name
from rltools.videos._tracks import Track, step_x

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rltools.videos._explained import Explained
    from rltools.videos._pictures import Picture
    from rltools.videos._scene import Scene


def head_room(scene: Scene, layout: Layout) -> float:
    """How much of the head is left of the step."""
    return layout.action - 68 - LEFT - text_width(_step(scene, len(scene.episode) - 1), LARGE, bold=True)


def draw_step(pen: Pen, scene: Scene, layout: Layout, step: int) -> None:
    """Which step it is, and what was done."""
    pen.text((layout.action - 36, 44), _step(scene, step), size=LARGE, bold=True, anchor="rs")
    taken = scene.actions.taken
    if taken is not None:
        at = int(taken[step])
        pen.box(layout.action, 29, 16, 16, of_hex(action_color(at)))
        pen.text((layout.action + 24, 44), scene.actions.names[at], size=LARGE, bold=True)


def _step(scene: Scene, step: int) -> str:
    return f"step {step} / {len(scene.episode) - 1}"


def draw_pictures(pen: Pen, pictures: Sequence[tuple[Picture, Box]], step: int) -> None:
    """The environment, and observations that are pictures."""
    for picture, box in pictures:
        pen.paste(box.x, box.y, picture.at(step, pen.size(box.width, box.height)))


def draw_bars(pen: Pen, scene: Scene, bars: Bars, limits: Sequence[float], step: int) -> None:
    """What was observed, and how much each feature had to do with the score; `limits` are the largest values."""
    if scene.explained is not None:
        _draw_score(pen, scene.explained, step)
    if scene.seen is not None:
        draw_name(pen, bars, 0, name_lines([scene.seen.rows[step]])[0])
        pen.text((bars.values, bars.bars.y + bars.row / 2), "1", bold=True, anchor="rm")
        _draw_bar(pen, scene.explained, bars, 0, float(scene.seen.values[step]))
    for at, row in enumerate(scene.rows):
        observed = scene.observed[step, at]
        if math.isfinite(observed):
            whole = row.kind == "choice" and observed == round(observed)
            text = str(round(observed)) if whole else fixed(observed, limits[at], 3)
            chosen = row.kind == "choice" and observed == 1
            place = (bars.values, bars.bars.y + (at + bars.first + 0.5) * bars.row)
            pen.text(place, text, "ink" if chosen else "muted", bold=chosen, anchor="rm")
        if scene.explained is not None:
            _draw_bar(pen, scene.explained, bars, at + bars.first, float(scene.explained.values[step, at]))


def _draw_score(pen: Pen, asked: Explained, step: int) -> None:
    score = float(asked.scores[step])
    text = fixed(score, asked.scale) if math.isfinite(score) else ""
    pen.text((RIGHT, TOP + 12), text, size=MEDIUM, bold=True, anchor="rs")
    said = "at this step" if text else "this step is not explained"
    gap = text_width(text, MEDIUM, bold=True) + 8 if text else 0
    pen.text((RIGHT - gap, TOP + 12), said, "muted", size=NOTE, anchor="rs")


def _draw_bar(pen: Pen, asked: Explained | None, bars: Bars, at: int, value: float) -> None:
    if asked is None:
        return
    box, top = bars.bars, bars.bars.y + at * bars.row
    center, thick = box.x + box.width / 2, min(18.0, 0.58 * bars.row)
    if math.isfinite(value):
        width = box.width / 2 * min(1.0, abs(value) / asked.scale)
        fill = color("negative" if value < 0 else "positive")
        pen.box(center - (width if value < 0 else 0), top + (bars.row - thick) / 2, width, thick, fill)
        pen.text((bars.right, top + bars.row / 2), signed(value, asked.scale), anchor="rm")
    pen.box(center, top, 1, bars.row, color("faint"))


def draw_now(pen: Pen, scene: Scene, place: Box, tracks: Sequence[tuple[Track, Box]], step: int) -> None:
    """The line at this step, and what the tracks say there."""
    for track, box in tracks:
        pen.text((LEFT, box.y + 22), track.now(step), size=NOTE, anchor="lm")
    last = tracks[-1][1]
    x = step_x(place, step, len(scene.episode))
    pen.box(x - 1, place.y - 5, 2, last.y + last.height - place.y + 9, color("accent"))


def draw_panel_now(pen: Pen, scene: Scene, top: float, step: int) -> None:
    """What the policy thinks of each action, and what the observation says in words."""
    actions = scene.actions
    low, high = actions.limits
    width = (RIGHT - PANEL) / ((high - low) or 1.0)
    zero = PANEL - low * width
    for row, at in enumerate(actions.shown):
        y = top + 20 + row * ACTION_ROW
        taken = actions.taken is not None and actions.taken[step] == at
        barred = actions.allowed is not None and actions.allowed.shape == actions.values.shape
        barred = barred and actions.allowed is not None and not actions.allowed[step, at]
        value = float(actions.values[step, at])
        text = "not allowed" if barred else fixed(value, actions.scale)
        ink = "muted" if barred else "ink"
        name = fitted(actions.names[at], RIGHT - PANEL - 100, NAME, bold=taken)
        pen.text((PANEL + 18, y + 15), name, ink, bold=taken)
        pen.text((RIGHT, y + 15), text, ink, bold=taken, anchor="rs")
        pen.box(PANEL, y + 20, RIGHT - PANEL, 4, color("rule"))
        if math.isfinite(value) and not barred:
            long = float(actions.bars[step, at]) * width
            pen.box(zero + min(0.0, long), y + 20, abs(long), 4, of_hex(action_color(at)))
    y = top + 34 + len(actions.shown) * ACTION_ROW
    for name, said in scene.texts.items():
        if y < BOTTOM:
            text = fitted(f"{plain(name, 40)}: {plain(said[step], 120)}", RIGHT - PANEL, NOTE)
            pen.text((PANEL, y), text, size=NOTE)
            y += 18
