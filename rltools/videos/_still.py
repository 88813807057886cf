"""What stays the same in all pictures of a video."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rltools.pages.replay.data import ENDINGS
from rltools.plots.drawing.colors import action_color
from rltools.plots.drawing.labels import plain
from rltools.videos._colors import color, heat, of_hex
from rltools.videos._layout import (
    LEFT,
    MEDIUM,
    NAME,
    NOTE,
    PANEL,
    RIGHT,
    RULE,
    TINY,
    TOP,
    TRACKS_RIGHT,
    Bars,
    Box,
    name_lines,
)
from rltools.videos._numbers import brief
from rltools.videos._pen import Pen, fitted, text_width
from rltools.videos._pictures import Picture
from rltools.videos._scene import Scene
from rltools.videos._tracks import Track, step_x

if TYPE_CHECKING:
    from collections.abc import Sequence

ACTION_ROW = 30


def draw_head(pen: Pen, scene: Scene, pace: str, room: float) -> None:
    """Whose episode this is, and how it went; `room` is how wide it may be."""
    header, outcome = scene.header, scene.episode.outcome
    title = fitted(plain(header.policy, 80), room, 24, bold=True)
    pen.text((LEFT, 42), title, size=24, bold=True)
    facts = [
        plain(header.environment_id, 60),
        f"episode {outcome.number}",
        f"seed {outcome.seed}",
        f"return {brief(outcome.total_reward)}",
        ENDINGS[outcome.ended],
        pace,
    ]
    pen.text((LEFT, 63), fitted("  ·  ".join(filter(None, facts)), room, NAME), "muted")
    pen.box(LEFT, 73, RIGHT - LEFT, 1, color("rule"))


def draw_captions(pen: Pen, pictures: Sequence[tuple[Picture, Box]]) -> None:
    """What the pictures show, and a border that their light parts need."""
    for picture, box in pictures:
        pen.box(box.x - 1, box.y - 1, box.width + 2, box.height + 2, color("rule"))
        if picture.caption:
            said = fitted(plain(picture.caption, 200), box.width, NOTE)
            pen.text((box.x, box.y + box.height + 15), said, "muted", size=NOTE)


def draw_names(pen: Pen, scene: Scene, bars: Bars) -> None:
    """What is explained and how, and the features."""
    asked = scene.explained
    kinds = "regions" if all(row.kind == "region" for row in scene.rows) else "features"
    some = f"top {len(scene.rows)} of {scene.there} {kinds}" if len(scene.rows) < scene.there else ""
    title = "Observation at this step"
    if asked is not None:
        title = f"{plain(asked.label)} by {plain(asked.method.replace('_', ' '))}"
    pen.text((bars.left, TOP + 12), fitted(title, RIGHT - bars.left - 170, MEDIUM, bold=True), size=MEDIUM, bold=True)
    said = [some] if asked is None else [f"unit: {asked.unit}", asked.note, some]
    note = "nothing was explained" if asked is None else ""
    line = "  ·  ".join(filter(None, [*said, note]))
    x = RIGHT if asked is None else _legend(pen, scene, bars)
    pen.text((bars.left, TOP + 34), fitted(line, x - bars.left - 16, NOTE), "muted", size=NOTE)
    for at, lines in enumerate(name_lines(scene.rows)):
        draw_name(pen, bars, at + bars.first, lines)
    if bars.first:
        pen.box(bars.left, bars.bars.y + bars.first * bars.row, RIGHT - bars.left, 1, color("rule"))


def draw_name(pen: Pen, bars: Bars, at: int, lines: Sequence[str]) -> None:
    """The name of a feature in its row."""
    size = NAME if len(lines) == 1 else NOTE
    for k, text in enumerate(lines):
        below = (k - (len(lines) - 1) / 2) * (size + 2)
        place = (bars.left, bars.bars.y + (at + 0.5) * bars.row + below)
        pen.text(place, fitted(text, bars.names - 7, size), size=size, anchor="lm")


def _legend(pen: Pen, scene: Scene, bars: Bars) -> float:
    """Which color lowers and which raises; returns where it begins."""
    asked = scene.explained
    if asked is None:
        return RIGHT
    limit = brief(float(f"{asked.scale:.2g}"))
    words = ("a higher value lowers", "raises it") if asked.per_unit else ("lowers", "raises it")
    right = f"{limit}  {words[1]}"
    left = f"{words[0]}  −{limit}"
    x = RIGHT - text_width(right, NOTE)
    pen.text((RIGHT, TOP + 34), right, "muted", size=NOTE, anchor="rs")
    from PIL import Image

    ramp = heat(np.linspace(-1, 1, 101)[None], 1)
    pen.paste(x - 98, TOP + 25, Image.fromarray(ramp).resize(pen.size(90, 10)))
    pen.text((x - 106, TOP + 34), left, "muted", size=NOTE, anchor="rs")
    return x - 106 - text_width(left, NOTE)


def draw_tracks(pen: Pen, scene: Scene, place: Box, tracks: Sequence[tuple[Track, Box]]) -> None:
    """The whole episode."""
    from matplotlib.ticker import MaxNLocator

    steps = len(scene.episode)
    pen.box(LEFT, place.y - RULE / 2 + 1, RIGHT - LEFT, 1, color("rule"))
    for track, box in tracks:
        track.paint(pen, box)
        y = box.y + 7  # the middle of a strip; of others, so that there is room for a number beneath
        pen.text(
            (LEFT, y), fitted(track.title, place.x - LEFT - 60, NOTE, bold=True), size=NOTE, bold=True, anchor="lm"
        )
    last = tracks[-1][1]
    for tick in MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]).tick_values(0, max(1, steps - 1)):
        if 0 <= tick < steps:
            at = (step_x(place, int(tick), steps), last.y + last.height + 6)
            pen.text(at, f"{tick:.0f}", "muted", size=TINY, anchor="mt")
    pen.text((TRACKS_RIGHT + 14, last.y + last.height + 6), "step", "muted", size=TINY, anchor="lt")


def draw_panel(pen: Pen, scene: Scene, top: float) -> None:
    """The names of actions, and what is said of them."""
    actions, there = scene.actions, scene.actions.values.shape[1]
    title = "actions" if len(actions.shown) == there else f"{len(actions.shown)} of {there} actions"
    pen.text((PANEL, top + 10), title, size=NAME, bold=True)
    room = RIGHT - PANEL - text_width(title, NAME, bold=True) - 10
    pen.text((RIGHT, top + 10), fitted(actions.what, room, TINY), "muted", size=TINY, anchor="rs")
    for row, at in enumerate(actions.shown):
        y = top + 20 + row * ACTION_ROW
        pen.box(PANEL, y + 5, 10, 10, of_hex(action_color(at)))
