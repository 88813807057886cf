"""Mean attributions by feature and action."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from rltools._util.text import decimals_of, fixed, has_interval, plural
from rltools.plots.drawing.alt import largest_text, tell
from rltools.plots.drawing.colors import signed_colors, theme_color
from rltools.plots.drawing.labels import inches, plain, set_y_labels
from rltools.plots.drawing.legends import color_bar
from rltools.plots.drawing.plot_info import Chapter, plot
from rltools.plots.drawing.quantities import effect_words
from rltools.plots.drawing.steps import link_dots, link_rows
from rltools.plots.drawing.style import (
    canvas,
    data_inches,
    describe,
    draw_no_steps,
    heading,
    interval_note,
    keep_spines,
    label_note,
    labels_of,
    measure,
    set_x_label,
    strongest_label,
    top_note,
)
from rltools.summary import Interval, action_means, explained_points, summarize

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import Rectangle

    from rltools.recording import Recording
    from rltools.summary import ActionMeans, Points

TOP = 10
_MAX_LINES = 3
"""The most lines of a column's label."""
_FAINT = 0.06
"""Means below this part of the largest one are gray."""
_CHARACTER_INCHES = 0.07
"""Width of a character of small text."""


@plot(
    chapter=Chapter.ACTIONS,
    caption="What each feature did to the score, by action. Orange cells raised it, purple ones lowered it; in hatched "
    "cells the interval contains 0.",
    order=10,
    shown_when=lambda report: (
        len(report.main.features) > 1 and bool(report.main.by_action or len(report.main.labels) > 1)
    ),
)
def action_matrix(
    recording: Recording,
    *,
    axes: Axes | None = None,
    method: str | None = None,
    target: str | None = None,
    label: str | None = None,
    standardized: bool | None = None,
    top: int | None = TOP,
    level: float = 0.95,
) -> Axes:
    """Mean signed attributions of the most important features, with a column for each action.

    For discrete actions a column is the mean over the steps at which the action was taken. For continuous and for
    multiple actions a column is one explained action dimension, over all steps. Cells are hatched if the interval of
    their mean contains 0.

    Args:
        recording: recording with at least one attribution.
        axes: axes to draw in; by default those of a new figure.
        method: attribution method, if the recording has several.
        target: explained target, for instance "logit:chosen", if the recording has several.
        label: one scalar of a target with several, for discrete actions; by default the one with the largest
            attributions.
        standardized: whether to multiply attributions by the standard deviation of their feature; by default for
            methods whose values are per unit of the feature.
        top: number of features; None for all.
        level: confidence level of the intervals, over episodes and the draw of references or noise.

    Raises:
        RecordingError: the recording has no such attribution.
        ArgumentError: there is no such label, or `standardized` is set for a method in units of the score.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("lunarlander-ppo")
        >>> recording = rltools.record(policy, episodes=10)
        >>> recording = rltools.explain(recording, policy, method="shapley", references=32, every=4)
        >>> axes = rltools.plots.action_matrix(recording)
        >>> axes.get_xlabel()
        'action taken'
    """
    summary = summarize(recording, method=method, target=target, level=level)
    quantity = measure(summary, standardized)
    label_index = strongest_label(summary, label)
    order = [ranked.position for ranked in summary.top(top)]
    means = action_means(summary, label=label_index, standardized=quantity.scale is not None)
    labels = labels_of(summary, order, units=False)
    side = 1.3 + inches(labels)
    below, rotation = _column_labels(means, data_inches(axes, side))
    label_height = inches(below, points=8.3) if rotation else 0.0
    axes, width = canvas(axes, 2.2 + 0.34 * max(len(order), 3) + label_height, side)
    set_x_label(axes, width, "action taken" if means.per_action else _columns_label(means))
    keep_spines(axes)
    has_intervals = bool(np.isfinite(means.mean.low[:, order]).any())
    title = "What pushes towards each action" if means.per_action else "What moves each action"
    notes = (
        effect_words(quantity, summary.labels[label_index] if means.per_action else summary.target),
        label_note(summary, label) if means.per_action else "",
        top_note(len(order), len(summary.features)),
        _omitted_note(means),
        interval_note(means.mean.low[:, order], summary.overall.episodes, level, "hatched: {} contains 0"),
    )
    heading(axes, width, title, *describe(summary), *notes)
    if not means.columns:
        draw_no_steps(axes)
        return axes
    values = means.mean.value[:, order].T
    largest = float(np.abs(values).max()) or 1.0
    ends = Interval(values, means.mean.low[:, order].T, means.mean.high[:, order].T)
    cells = _draw_cells(axes, ends, largest, width / len(means.columns))
    if means.per_action:
        points = explained_points(recording, summary.key, label=label_index, scale=quantity.scale)
        _link(cells, points, means, order)
    link_rows(axes, [summary.features[position] for position in order])
    if has_intervals:
        _hatch(axes, means.uncertain[:, order].T)
    color_bar(axes, signed_colors(), (-largest, largest), f"mean of the {quantity.name},\nin {quantity.unit}")
    columns, rotation = _column_labels(means, width)
    axes.set_xticks(range(len(columns)), labels=columns, rotation=rotation, fontsize="small", parse_math=False)
    set_y_labels(axes, labels)
    axes.tick_params(length=0)
    tell(axes, largest_text(values, labels, [f"at {column.splitlines()[0]}" for column in columns], "mean"))
    return axes


def _columns_label(means: ActionMeans) -> str:
    kinds = {column.partition(":")[0] for column in means.columns}
    return "dimension of the action" if kinds == {"action"} else "explained score"


def _omitted_note(means: ActionMeans) -> str:
    rarer = f"{means.left_out} {'rarer actions' if means.per_action else 'more'} left out" if means.left_out else ""
    never = f"{plural(means.never, 'action')} never taken" if means.never else ""
    return ", ".join(filter(None, (rarer, never)))


def _draw_cells(axes: Axes, means: Interval, largest: float, cell_width: float) -> dict[tuple[int, ...], Rectangle]:
    """Draw the colors, and the numbers if they fit into `cell_width` inches; those that hardly matter in gray.

    Returns the cells by row and column.
    """
    from matplotlib.patches import Rectangle

    colors, values = signed_colors(), means.value
    cells: dict[tuple[int, ...], Rectangle] = {}
    for (row, column), value in np.ndenumerate(values):
        color = colors(0.5 + 0.5 * value / largest)
        cell = Rectangle(
            (column - 0.5, row - 0.5), 1, 1, facecolor=color, edgecolor=theme_color("paper"), linewidth=1.5
        )
        axes.add_patch(cell)
        cells[row, column] = cell
    axes.set_xlim(-0.5, values.shape[1] - 0.5)
    axes.set_ylim(values.shape[0] - 0.5, -0.5)
    texts = [
        [_cell_text(*ends, largest) for ends in zip(*row, strict=True)]
        for row in zip(values.tolist(), means.low.tolist(), means.high.tolist(), strict=True)
    ]
    if max(len(text) for row in texts for text in row) * _CHARACTER_INCHES > cell_width:
        return cells
    for (row, column), value in np.ndenumerate(values):
        red, green, blue, _ = colors(0.5 + 0.5 * value / largest)
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        faint = abs(value) < _FAINT * largest
        axes.text(
            column,
            row,
            texts[row][column],
            ha="center",
            va="center_baseline",
            fontsize="small",
            color=theme_color("paper") if dark else theme_color("muted") if faint else theme_color("ink"),
        )
    return cells


def _cell_text(value: float, low: float, high: float, largest: float) -> str:
    """The mean with the digits that its interval allows, at most three of the largest mean."""
    most = max(0, 2 - int(np.floor(np.log10(largest))))
    decimals = min(most, decimals_of(low, high) if has_interval(low, high) else 2)
    text = fixed(value, min(decimals, 4))
    return "0" if not text.strip("−0.") else text


def _link(cells: dict[tuple[int, ...], Rectangle], points: Points, means: ActionMeans, order: list[int]) -> None:
    """Link each cell to a typical step: of those with this action, the one nearest to the mean."""
    for (row, column), cell in cells.items():
        steps = np.flatnonzero(points.actions == points.action_names.index(means.columns[column]))
        if len(steps):
            distance = np.abs(points.attributions[steps, order[row]] - means.mean.value[column, order[row]])
            typical = steps[[int(distance.argmin())]]
            link_dots([cell], points.numbers[typical], points.steps[typical])


def _hatch(axes: Axes, uncertain: np.ndarray) -> None:
    from matplotlib.patches import Rectangle

    for row, column in np.argwhere(uncertain):
        corner = (column - 0.5, row - 0.5)
        axes.add_patch(
            Rectangle(corner, 1, 1, fill=False, linewidth=0, edgecolor=theme_color("muted"), hatch="////", alpha=0.3)
        )


def _column_labels(means: ActionMeans, width: float) -> tuple[list[str], int]:
    """Names with the number of steps, wrapped to the width of a column, or rotated by 90 degrees if they do not fit."""
    names = [plain(column.partition(":")[2] if not means.per_action else column, 24) for column in means.columns]
    counts = [f"n = {steps:,}" for steps in means.steps] if means.per_action else [""] * len(names)
    max_characters = int(width / max(len(names), 1) / _CHARACTER_INCHES)
    wrapped_names = [textwrap.wrap(name, max(max_characters, 1), break_long_words=False) for name in names]
    lines_per_label = [[*lines, count] if count else lines for lines, count in zip(wrapped_names, counts, strict=True)]
    if all(len(lines) <= _MAX_LINES and max(map(len, lines)) <= max_characters for lines in lines_per_label):
        labels, rotation = ["\n".join(lines) for lines in lines_per_label], 0
    else:
        labels, rotation = (
            [f"{name} ({count})" if count else name for name, count in zip(names, counts, strict=True)],
            90,
        )
    return labels, rotation
