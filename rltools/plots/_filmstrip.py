"""An episode in pictures: some of its frames, and below them what mattered and what the agent did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rltools.plots.drawing.alt import largest_text, tell
from rltools.plots.drawing.colors import action_color, color_limit, signed_colors, theme_color
from rltools.plots.drawing.labels import inches, most_ticks, plain, wrapped
from rltools.plots.drawing.legends import MAX_ACTIONS, action_labels, most_taken, others_label
from rltools.plots.drawing.panels import draw_attributions, draw_line, draw_runs
from rltools.plots.drawing.plot_info import Chapter, plot
from rltools.plots.drawing.quantities import effect_words, ending_words
from rltools.plots.drawing.steps import link_dots, link_span
from rltools.plots.drawing.style import (
    CHARACTERS_PER_INCH,
    canvas,
    data_inches,
    describe,
    draw_no_steps,
    heading,
    keep_spines,
    label_note,
    measure,
    strongest_label,
)
from rltools.summary import filmstrip_steps, summarize

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.recording import Header, Outcome, Recording
    from rltools.summary import Choosing, Filmstrip

TOP = 4
_DATA = 6.2
"""The width of the frames and strips of a new figure, in inches."""
_TALLEST = 1.3
"""The largest height of a frame, in inches."""
_GAP, _LEADERS, _STRIP, _SPACE = 0.06, 0.17, 0.19, 0.035
"""Inches: between frames, from frames to strips, the height of a strip, and between strips."""
_AXIS, _LINE = 0.27, 0.17
"""Inches of the numbers of steps, and of a line of the legend."""
_LEGEND_PART = 0.74
"""The part of the width that the legend of actions may take."""


@plot(
    chapter=Chapter.EPISODES,
    caption="The episode with the median return at a glance: frames above their moments, below them what the leading "
    "features did to the score (orange raised it, purple lowered it), and the actions.",
    order=5,
    shown_when=lambda report: True,
)
def filmstrip(
    recording: Recording,
    episode: int | None = None,
    *,
    axes: Axes | None = None,
    method: str | None = None,
    target: str | None = None,
    label: str | None = None,
    frames: Choosing | Sequence[int] = "even",
    most: int | None = None,
    standardized: bool | None = None,
    top: int = TOP,
) -> Axes:
    """Frames of one episode, below them the attributions of the leading features and the actions, on one axis of steps.

    Without recorded frames, only what is below them.

    Args:
        recording: recording with at least one attribution.
        episode: number of the episode; by default the one with the median return, of those with frames if there are
            any.
        axes: axes into which all parts are inset; by default those of a new figure.
        method: attribution method, if the recording has several.
        target: explained target, for instance "logit:chosen", if the recording has several.
        label: one scalar of a target with several; by default the one with the largest attributions.
        frames: "even" for frames evenly in time, above their moments; "largest" for the step of largest attribution
            in each of as many equal stretches; or steps of the episode.
        most: number of frames; by default five to seven, by their shape.
        standardized: whether to multiply attributions by the standard deviation of their feature; by default for
            methods whose values are per unit of the feature.
        top: number of features.

    Raises:
        RecordingError: the recording has no such attribution.
        UnknownNameError: there is no such episode.
        ArgumentError: there is no such label or step, or `standardized` is set for a method in units of the score.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("lunarlander-ppo")
        >>> recording = rltools.record(policy, episodes=1, frames=True)
        >>> recording = rltools.explain(recording, policy, method="shapley", references=32)
        >>> axes = rltools.plots.filmstrip(recording)
        >>> axes.get_xlabel()
        'step'
    """
    summary = summarize(recording, method=method, target=target)
    quantity = measure(summary, standardized)
    label_index = strongest_label(summary, label)
    order = [ranked.position for ranked in summary.top(top)]
    labels = [*(plain(summary.features[position], 30) for position in order), "action"]
    strip = filmstrip_steps(
        recording,
        summary.key,
        label=label_index,
        scale=quantity.scale,
        episode=episode,
        frames=frames,
        width=_DATA / 0.9,
        most=most,
    )
    keys = [] if strip is None else _action_keys(strip, recording.header)
    side = 0.3 + inches(labels, points=8.3)
    data = data_inches(axes, side, _DATA)
    texts = [inches([key.name], points=8.3) + 0.4 for key in keys]
    room = _LEGEND_PART * data
    columns = len(keys) if sum(texts) <= room else max(1, int(room // max(texts)))
    rows = _rows(strip, data, len(order), recording.header, -(-len(keys) // max(columns, 1)))
    outcome = None if strip is None else strip.outcome
    notes = (
        *describe(summary)[:1],
        *_episode_notes(outcome),
        effect_words(quantity, summary.labels[label_index]),
        label_note(summary, label),
        plain(summary.apart, 60),
    )
    lines = wrapped(notes, int(CHARACTERS_PER_INCH * data)).count("\n") + 1
    height = 0.41 + 0.155 * lines + rows.height
    axes, _ = canvas(axes, height, side, _DATA)
    axes.set_xlabel("step", fontsize="small")
    keep_spines(axes)
    axes.set_xticks([])
    axes.set_yticks([])
    heading(axes, data, "An episode at a glance", *notes)
    if strip is None or not len(strip.episode.scores):
        draw_no_steps(axes)
        return axes
    axes.set_xlim(-0.5, len(strip.episode.scores) - 0.5)
    axes.set_ylim(0, 1)
    link_span(axes, strip.outcome.number, len(strip.episode.scores))
    _name_rows(axes, rows, labels)
    _draw_frames(axes, strip, rows)
    attributions = strip.episode.attributions[:, order]
    largest = color_limit(attributions)
    for row, of_feature in zip(rows.features, attributions.T, strict=True):
        draw_attributions(_panel(axes, row), of_feature[:, None], largest, (0, 1))
    panel = _panel(axes, rows.actions)
    _draw_actions(panel, strip, recording.header, keys)
    _name_steps(axes, panel, rows)
    _draw_legend(axes, rows.legend, keys, columns)
    when = [f"at step {step}" for step in range(len(attributions))]
    tell(axes, largest_text(attributions.T, labels[:-1], when, "attribution"))
    return axes


Extent = tuple[float, float]
"""Bottom and height of a row, as fractions of the axes."""


@dataclass(frozen=True)
class _Rows:
    """The width of the data and the height of all rows in inches, and where each of them is."""

    width: float
    height: float
    frames: Extent
    features: tuple[Extent, ...]
    actions: Extent
    legend: Extent


@dataclass(frozen=True)
class _ActionKey:
    """A color of the actions: its name, and the positions of the actions that have it."""

    name: str
    color: str
    positions: tuple[int, ...]


def _rows(strip: Filmstrip | None, data: float, features: int, header: Header, legend_lines: int) -> _Rows:
    """Frames at the top, then a strip for each feature, the actions, and the legend below the axis of steps."""
    frames = 0.0
    if strip is not None and strip.pictures:
        height, width = strip.pictures[0].shape[:2]
        frames = min(_TALLEST, (data / len(strip.pictures) - _GAP) * height / width)
    actions = _STRIP if header.action_start is not None else 2 * _STRIP
    heights = [frames, *[_STRIP] * features, actions, _LINE * max(legend_lines, 1)]
    gaps = [_LEADERS if frames else 0.0, *[_SPACE] * (features - 1), 2.5 * _SPACE, _AXIS, 0.0]
    total = sum(heights) + sum(gaps)
    tops = total - np.concatenate([[0.0], np.cumsum(np.add(heights, gaps))[:-1]])
    extents = [(float(top - height) / total, height / total) for top, height in zip(tops, heights, strict=True)]
    return _Rows(data, total, extents[0], tuple(extents[1:-2]), extents[-2], extents[-1])


def _episode_notes(outcome: Outcome | None) -> tuple[str, ...]:
    if outcome is None:
        return ("n = 0 steps",)
    return (f"episode {outcome.number}: return {outcome.total_reward:.4g}, {ending_words(outcome)}",)


def _name_rows(axes: Axes, rows: _Rows, labels: Sequence[str]) -> None:
    heights = [bottom + height / 2 for bottom, height in (*rows.features, rows.actions)]
    axes.set_yticks(heights, labels=labels, parse_math=False, fontsize="small")
    axes.tick_params(axis="y", length=0, pad=5)


def _name_steps(axes: Axes, panel: Axes, rows: _Rows) -> None:
    """Number the steps below the lowest strip, with the name of the axis beside the numbers."""
    from matplotlib.ticker import MaxNLocator

    panel.xaxis.set_major_locator(MaxNLocator(most_ticks(rows.width, 8), integer=True, steps=[1, 2, 5, 10]))
    panel.tick_params(axis="x", length=2.5, pad=2, labelsize="small", color=theme_color("muted"))
    axes.xaxis.label.set(ha="right", va="top")
    axes.xaxis.set_label_coords(-5 / 72 / rows.width, rows.actions[0] - 4.5 / 72 / rows.height)


def _draw_frames(axes: Axes, strip: Filmstrip, rows: _Rows) -> None:
    """Draw the frames side by side, each joined to its moment."""
    from matplotlib.patches import FancyBboxPatch

    bottom, height = rows.frames
    count, steps = len(strip.pictures), len(strip.episode.scores)
    below = rows.features[0][0] + rows.features[0][1] if rows.features else rows.actions[0] + rows.actions[1]
    for index, (picture, step) in enumerate(zip(strip.pictures, strip.frames.tolist(), strict=True)):
        left, part = index / count, 1 / count
        gap = part * _GAP * count / rows.width
        panel = axes.inset_axes((left + gap / 2, bottom, part - gap, height))
        pixels = panel.imshow(picture, interpolation="nearest" if max(picture.shape) < 100 else "auto")
        tall, wide = picture.shape[:2]
        panel.set_xticks([])
        panel.set_yticks([])
        panel.set_anchor("S")
        keep_spines(panel)
        corners = f"round,pad=0,rounding_size={0.03 * wide}"
        edge = FancyBboxPatch(
            (-0.5, -0.5),
            wide,
            tall,
            corners,
            facecolor="none",
            edgecolor=theme_color("line"),
            linewidth=0.8,
            transform=panel.transData,
        )
        panel.add_patch(edge)
        pixels.set_clip_path(edge)
        link_dots([pixels], np.array([strip.outcome.number]), np.array([step]))
        middle, time = left + part / 2, (step + 0.5) / steps
        axes.plot(
            [middle, time], [bottom - 0.08 * (bottom - below), below + 0.08 * (bottom - below)],
            color=theme_color("muted"), linewidth=0.9, transform=axes.transAxes, clip_on=False, solid_capstyle="round",
        )  # fmt: skip


def _panel(axes: Axes, row: Extent) -> Axes:
    panel = axes.inset_axes((0, row[0], 1, row[1]))
    panel.set_xlim(axes.get_xlim())
    panel.set_ylim(0, 1)
    panel.set_xticks([])
    panel.set_yticks([])
    keep_spines(panel)
    return panel


def _action_keys(strip: Filmstrip, header: Header) -> list[_ActionKey]:
    """The colors of the actions taken, the most frequent ones; of continuous actions, those of the dimensions."""
    texts, actions = action_labels(header.action_names), strip.episode.actions
    if header.action_start is None:
        dimensions = min(MAX_ACTIONS, int(np.prod(actions.shape[1:])))
        return [_ActionKey(texts[index], action_color(index), (index,)) for index in range(dimensions)]
    positions = actions.astype(np.int64) - header.action_start
    named, other_count = most_taken(positions)
    others = tuple(sorted(set(positions.tolist()) - set(named)))
    keys = [_ActionKey(texts[position], action_color(position), (position,)) for position in named]
    return [*keys, *(_ActionKey(text, theme_color("muted"), others) for text in others_label(other_count))]


def _draw_actions(panel: Axes, strip: Filmstrip, header: Header, keys: Sequence[_ActionKey]) -> None:
    """Draw discrete actions as a strip, and the dimensions of others as lines."""
    actions = strip.episode.actions
    if header.action_start is None:
        columns = actions.reshape(len(actions), -1).astype(np.float64)
        drawn = columns[:, [position for key in keys for position in key.positions]]
        low, high = float(np.nanmin(drawn)), float(np.nanmax(drawn))
        margin = 0.08 * (high - low) or 1.0
        panel.set_ylim(low - margin, high + margin)
        for key, column in zip(keys, drawn.T, strict=True):
            draw_line(panel, column, key.color)
        return
    draw_runs(panel, actions.astype(np.int64) - header.action_start, (0, 1))


def _draw_legend(axes: Axes, row: Extent, keys: Sequence[_ActionKey], columns: int) -> None:
    """Draw the colors of actions on the left, and those of attributions on the right."""
    from matplotlib.patches import Patch

    lines = -(-len(keys) // columns)
    legend = axes.legend(
        [Patch(color=key.color) for key in keys],
        [""] * len(keys),  # matplotlib leaves out labels that begin with an underscore
        loc="upper left",
        bbox_to_anchor=(0, row[0] + row[1]),
        ncols=columns,
        fontsize="small",
        frameon=False,
        handlelength=0.9,
        handleheight=0.9,
        handletextpad=0.4,
        columnspacing=1.2,
        labelspacing=0.3,
        borderaxespad=0,
        borderpad=0,
    )
    for text, key in zip(legend.get_texts(), keys, strict=True):
        text.set_parse_math(False)
        text.set_text(key.name)
    middle, tall = row[0] + row[1] * (1 - 0.5 / lines), 0.55 * row[1] / lines
    left, right = 0.83, 0.92
    bar = axes.inset_axes((left, middle - tall / 2, right - left, tall))
    bar.imshow(np.linspace(-1, 1, 128)[None], aspect="auto", cmap=signed_colors())
    bar.set_xticks([])
    bar.set_yticks([])
    keep_spines(bar)
    for word, x, side, points in (("lowers", left, "right", -4), ("raises", right, "left", 4)):
        axes.annotate(
            word, (x, middle), xycoords="axes fraction", xytext=(points, 0), textcoords="offset points", ha=side,
            va="center_baseline", fontsize="small", color=theme_color("ink"), annotation_clip=False,
        )  # fmt: skip
