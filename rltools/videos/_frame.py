"""Draws the video frame of a step with matplotlib."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial

import numpy as np
from matplotlib.colors import to_rgba_array
from matplotlib.ticker import MaxNLocator
from PIL import Image

from rltools._util.glossary import ENDINGS
from rltools._util.text import capitalized
from rltools._util.text import number as number_text
from rltools.pages.replay.rows import Row
from rltools.plots.drawing.animation import LARGE, MEDIUM, SMALL, TINY, Sheet
from rltools.plots.drawing.colors import action_color, color_limit, signed_colors, theme_color
from rltools.plots.drawing.labels import feature_labels, fixed, inches, plain
from rltools.plots.drawing.panels import draw_attributions, draw_line, two_ticks
from rltools.plots.drawing.theme import themed
from rltools.recording import Episode, Recording
from rltools.spaces.image import visible
from rltools.spaces.leaves import pick
from rltools.videos._episode import (
    Actions,
    ExplainedScalar,
    actions_of,
    drawn_rows,
    explained_of,
    shown_episode,
    shown_rows,
)

LEFT, RIGHT, TOP, MIDDLE, BOTTOM, END, PANEL = 28, 1252, 86, 400, 684, 948, 992
"""The upper half shows one step; the lower half shows the whole episode and the panel of actions."""
LONGEST_VALUE = 44
"""Characters of the name of a choice's value."""


def frame(
    recording: Recording, number: int, method: str | None, target: str | None, width: int, pace: str
) -> Callable[[int], np.ndarray]:
    """A function that draws the frame of a step, uint8 `[y, x, 4]`, over the last one; raises as `video` does."""
    with themed():
        return _frame(recording, number, method, target, width, pace)


def _frame(
    recording: Recording, number: int, method: str | None, target: str | None, width: int, pace: str
) -> Callable[[int], np.ndarray]:
    header, episode, sheet = recording.header, shown_episode(recording, number, method, target), Sheet(width)
    rows, outcome, actions = shown_rows(episode.features), episode.outcome, actions_of(header, episode)
    explained = explained_of(recording, number, rows, method, target)
    table, taken, right = drawn_rows(episode, rows, explained), actions.taken.tolist(), RIGHT
    facts = [plain(header.environment_id), f"episode {number}", f"seed {outcome.seed}"]
    facts += [f"return {number_text(outcome.total_reward, 5)}", ENDINGS[outcome.ended].meaning, pace]
    sheet.text(LEFT, 42, plain(header.policy), 17.0, weight="bold")
    sheet.text(LEFT, 63, "  ·  ".join(filter(None, facts)), color=theme_color("muted"))
    sheet.block(LEFT, 73, RIGHT - LEFT, 1, theme_color("line"))
    if taken[0] >= 0:
        right -= 54 + int(115 * inches([actions.names[k] for k in set(taken)], points=LARGE))
        mark = sheet.block(right + 24, 29, 16, 16, theme_color("line"))
        sheet.move(mark, lambda step: mark.set_facecolor(action_color(taken[step])))
        sheet.moving_text(right + 48, 37, [actions.names[k] for k in taken], LARGE, True)
    sheet.moving_text(right, 37, [f"step {k} / {len(taken) - 1}" for k in range(len(taken))], LARGE, True, right=True)
    left = _draw_images(sheet, episode, recording.frames(number), explained)
    _draw_rows(sheet, left, rows, table, explained)
    top = MIDDLE if left > LEFT else min(MIDDLE, TOP + 58 + 40 * len(table[0]))
    sheet.block(LEFT, top + 13, RIGHT - LEFT, 1, theme_color("line"))
    _draw_episode(sheet, top + 24, rows, table[0], explained, actions)
    _draw_actions(sheet, top + 34, episode, actions)
    return sheet.draw


def _draw_images(
    sheet: Sheet, episode: Episode, frames: list[bytes] | None, explained: ExplainedScalar | None
) -> float:
    """Draw the environment and the observation's images, at most three, side by side; returns where they end."""
    parts, x = [part for part in episode.features.parts if part.is_image], float(LEFT)
    views: list[tuple[str, Callable[[int], Image.Image]]] = []
    if frames:
        views.append(("the environment" if parts else "", lambda step: Image.open(io.BytesIO(frames[step]))))
    for k, part in enumerate(parts):
        values = part.leaf.encode(np.asarray(pick(episode.observations, part.leaf)))
        seen, note = visible(values.reshape(len(values), *part.shape), part)
        notes = [part.leaf.name or "observation", "in colors what of it matters" if explained else "", note]
        image: Callable[[int], Image.Image] = partial(lambda images, step: Image.fromarray(images[step]), seen)
        if explained:
            image = partial(_colored, image, explained.maps[k] / color_limit(explained.maps[k]))
        views.append((", ".join(filter(None, notes)), image))
    shapes, room = [image(0).width / image(0).height for _, image in views[:3]], 472 if len(views) == 1 else 644
    high = min(MIDDLE - TOP - 20 * any(caption for caption, _ in views), room / max(sum(shapes), 0.1))
    for (caption, image), wide in zip(views, [high * shape for shape in shapes], strict=False):
        sheet.block(x - 1, TOP - 1, wide + 2, high + 2, theme_color("line"))
        sheet.text(x, TOP + high + 15, plain(caption, int(wide / 6.4)), TINY, color=theme_color("muted"))
        sheet.image(x, TOP, wide, high, image)
        x += wide + 16
    return x + 20 * bool(views)


def _colored(image: Callable[[int], Image.Image], maps: np.ndarray, step: int) -> Image.Image:
    """An image in gray under the colors of its map, which are transparent at 0 and opaque at 1 and -1."""
    share = 0.9 * np.sqrt(np.clip(np.abs(np.nan_to_num(maps[step])), 0, 1))[..., None]
    colors = 255 * signed_colors()(np.where(maps[step] > 0, 1.0, 0.0))[..., :3]
    gray = np.asarray(image(step).convert("L"))[..., None]
    return Image.fromarray(((1 - share) * gray + share * colors).astype(np.uint8))


def _draw_rows(
    sheet: Sheet, left: float, rows: list[Row], table: tuple[np.ndarray, ...], explained: ExplainedScalar | None
) -> None:
    """Draw the value of each feature, and its attribution."""
    drawn, observed, values = table
    regions, (lowers, raises) = all(row.kind == "region" for row in rows), signed_colors()([0.0, 1.0])
    largest, count, scale = [rows[k] for k in drawn], max(len(drawn), 1), color_limit(values)
    labels = feature_labels([row.name for row in largest], [row.unit for row in largest])
    points = TINY if any("\n" in label for label in labels) else SMALL
    texts, top = [_value_texts(row, seen) for row, seen in zip(largest, observed.T, strict=True)], TOP + 58
    named = [text for row, each in zip(largest, texts, strict=True) if row.options for text in set(each)]
    wide = max(64.0, 16 + 103 * inches(named, points=SMALL)) if named else 64.0
    column = left + 103 * inches(labels, points=points) + 8 + wide * (not regions)
    wide, high = max(40.0, RIGHT - 82 - column), min(40.0, (MIDDLE + 4 - top) / count)
    zero = column + 16 + wide / 2
    notes, title = ["nothing was explained"], "observation at this step"
    if explained:
        notes, title = [explained.target, *explained.notes], capitalized(explained.method)
        sheet.block(zero - 0.5, top, 1, high * count, theme_color("line"))
        higher = "a higher value " * (" per " in explained.notes[0])
        below, above = ("≤ ", "≥ ") if np.nanmax(np.abs(values), initial=0) > scale else ("", "")
        sheet.text(column + 16, TOP + 52, f"{higher}lowers  {below}{fixed(-scale, scale, 1)}", TINY, color=lowers)
        sheet.text(
            column + 16 + wide, TOP + 52, f"{above}{fixed(scale, scale, 1)}  raises", TINY, color=raises, ha="right"
        )
        scores = [f"score at this step  {fixed(score, scale)}" for score in explained.scores]
        sheet.moving_text(RIGHT, TOP + 7, scores, MEDIUM, True, right=True)
    if count < len(rows):
        notes = [*notes, f"top {count} of {len(rows)} {'regions' if regions else 'features'}"]
    sheet.text(left, TOP + 12, plain(title, int((RIGHT - 250 - left) / 10)), MEDIUM, weight="bold")
    sheet.text(left, TOP + 32, plain("  ·  ".join(notes), int((RIGHT - left) / 7)), TINY, color=theme_color("muted"))
    for row in range(len(drawn)):
        y = top + (row + 0.5) * high
        sheet.moving_text(left, y, [labels[row]] * len(observed), points)
        sheet.moving_text(column, y, texts[row], color=theme_color("muted"), right=True)
        if explained:
            lengths = wide / 2 * values[:, row] / scale
            sheet.bar(zero, y, 0.58 * high, lengths, (lowers, raises), longest=wide / 2)
            sheet.moving_text(RIGHT, y, [fixed(value, scale, sign="+") for value in values[:, row]], right=True)


def _value_texts(row: Row, seen: np.ndarray) -> list[str]:
    """The values of a row in words; those of a choice by their names, those of a region empty."""
    if row.options:
        return [plain(row.options[int(value)], LONGEST_VALUE) for value in seen]
    size = float(np.nanmax(np.abs(seen), initial=0))
    return [
        "" if np.isnan(value) else f"{value:.0f}" if row.kind == "choice" else fixed(value, size, 3) for value in seen
    ]


def _draw_episode(
    sheet: Sheet, top: float, rows: list[Row], drawn: np.ndarray, explained: ExplainedScalar | None, actions: Actions
) -> None:
    """Draw panels over all steps, one above the other, with a line at the current step."""
    lines = {"return so far": (actions.returns[:, None], [theme_color("ink")])}
    if actions.taken[0] < 0 or not explained:
        lines = {actions.what: (actions.values[:, actions.drawn], [action_color(k) for k in actions.drawn])} | lines
    left, y, span = 228.0, top, (-0.5, len(actions.returns) - 0.5)
    if explained:
        lines = {"explained score": (explained.scores[:, None], [theme_color("ink")])} | lines
        names, values = [plain(rows[k].name, 44) for k in drawn], explained.values[:, drawn]
        left, high = max(left, LEFT + 16 + 100 * inches(names, points=TINY)), min(142.0, 22 * len(names))
        axes = sheet.axes(left, y, END - left, high)
        draw_attributions(axes, values, color_limit(values), (len(names) - 0.5, -0.5))
        axes.set_yticks(range(len(names)), names, parse_math=False)
        axes.hlines(np.arange(1, len(names)) - 0.5, *span, color=theme_color("paper"), linewidth=0.7)
        y += high + 9
    if actions.taken[0] >= 0:
        strip = to_rgba_array([action_color(k) for k in actions.taken.tolist()])[None]
        sheet.axes(left, y, END - left, 14).imshow(strip, aspect="auto", interpolation="nearest", extent=(*span, 0, 1))
        sheet.text(LEFT, y + 11, "action", TINY, weight="bold")
        y += 23
    high = min(110.0, (BOTTOM - y + 9) / len(lines) - 9)
    for title, (values, colors) in lines.items():
        axes, size = sheet.axes(left, y, END - left, high, xlim=span), float(np.nanmax(np.abs(values), initial=0))
        for column, color in zip(values.T, colors, strict=True):
            draw_line(axes, column, color)
        two_ticks(axes, values)
        axes.set_yticks(axes.get_yticks(), [fixed(tick, size, 1) for tick in axes.get_yticks()])
        axes.spines["bottom"].set(visible=True, color=theme_color("line"))
        sheet.text(LEFT, y + 11, title, TINY, weight="bold")
        if len(colors) == 1:
            sheet.moving_text(LEFT, y + 22, [fixed(value, size) for value in values[:, 0]], TINY)
        y += high + 9
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))
    sheet.text(END + 14, y + 5, "step", TINY, color=theme_color("muted"))
    cursor = sheet.axes(left, top - 5, END - left, y - top, xlim=span).axvline(
        0, color=theme_color("accent"), clip_on=False
    )
    sheet.move(cursor, lambda step: cursor.set_xdata([step, step]))


def _draw_actions(sheet: Sheet, top: float, episode: Episode, actions: Actions) -> None:
    """Draw the score of each action, and the texts of the observation."""
    bars, note, count = actions.values, actions.what, len(actions.drawn)
    if note not in ("probability", "action taken"):  # large scores would look alike
        bars, note = bars - np.nanmin(bars, axis=1, keepdims=True), f"{note}; bars from the lowest"
    size = float(np.nanmax(np.abs(bars), initial=0)) or 1.0
    low, high = (0.0, 1.0) if note == "probability" else (np.nanmin(bars, initial=0), np.nanmax(bars, initial=0))
    unit = (RIGHT - PANEL) / ((high - low) or 1.0)
    title = "actions" if count == len(actions.names) else f"{count} of {len(actions.names)} actions"
    sheet.text(PANEL, top, title, weight="bold")
    sheet.text(RIGHT, top, note, TINY, color=theme_color("muted"), ha="right")
    for row, k in enumerate(actions.drawn):
        y, bold, color = top + 20 + 30 * row, actions.taken == k, action_color(k)
        texts = ["not allowed" if np.isnan(value) else fixed(value, size) for value in actions.values[:, k]]
        sheet.block(PANEL, y - 5, 10, 10, color)
        sheet.moving_text(PANEL + 18, y, [plain(actions.names[k], 22)] * len(bars), bold=bold)
        sheet.moving_text(RIGHT, y, texts, bold=bold, right=True)
        sheet.block(PANEL, y + 10, RIGHT - PANEL, 4, theme_color("line"))
        sheet.bar(PANEL - low * unit, y + 12, 4, bars[:, k] * unit, (color, color))
    for row, leaf in enumerate(leaf for leaf in episode.features.leaves if leaf.kind == "text"):
        texts = [plain(f"{leaf.name or 'observation'}: {text}", 44) for text in pick(episode.observations, leaf)]
        sheet.moving_text(PANEL, top + 32 + 30 * count + 18 * row, texts, TINY)
