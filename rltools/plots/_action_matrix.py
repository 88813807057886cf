"""What each feature does to each action."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from rltools.plots.drawing.colors import GRAY, INK, signed_colors
from rltools.plots.drawing.labels import feature_labels, inches, number, plain, y_labels
from rltools.plots.drawing.legends import color_bar
from rltools.plots.drawing.style import (
    DATA_INCHES,
    about,
    canvas,
    feature_mark,
    frameless,
    heading,
    label_note,
    measure,
    say_nothing_there,
    some_of,
    strongest_label,
    x_label,
)
from rltools.summary import action_means, summarize

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.recording import Recording
    from rltools.summary import ActionMeans

TOP = 10
_LINES = 3
"""A name above one another takes so many at most."""
_CHARACTER = 0.07
"""Inches, of small text."""


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
    """Mean signed attributions of the features that matter most, a column for each action.

    With one discrete action a column holds the steps at which it was taken. Continuous actions, and several at once,
    are explained one at a time: a column is one of them, over all steps. Where the interval of a mean holds 0 the cell
    is hatched.

    Args:
        recording: with at least one attribution.
        axes: where to draw; a new figure by default.
        method: which, where several were recorded.
        target: as text, likewise.
        label: of discrete actions, which scalar of a target that has several; by default the one with the largest
            attributions.
        standardized: multiply gradients by the standard deviation of their feature; by default where that applies.
        top: how many features; None for all.
        level: of the intervals, over the episodes and what was drawn for all of them.

    Raises:
        RecordingError: nothing that fits was explained.
        ArgumentError: no such label; standardized values of a method whose values are in units of the score already.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> recording = rltools.explain(recording, policy, target="logit:all")
        >>> axes = rltools.plots.action_matrix(recording)
        >>> axes.get_xlabel()
        'action taken'
    """
    summary = summarize(recording, method=method, target=target, level=level)
    shown = measure(summary, standardized)
    at_label = strongest_label(summary, label)
    order = [found.position for found in summary.top(top)]
    means = action_means(summary, label=at_label, standardized=shown.scale is not None)
    labels = feature_labels([summary.features[at] for at in order], [summary.units[at] for at in order])
    below, turned = _column_labels(means, DATA_INCHES)
    upright = inches(below, points=8.3) if turned else 0.0
    axes, width = canvas(axes, 2.2 + 0.34 * max(len(order), 3) + upright, 1.5 + inches(labels))
    x_label(axes, width, "action taken" if means.per_action else _what_columns_are(means))
    frameless(axes)
    sure = summary.overall.episodes > 1
    title = "What pushes towards each action" if means.per_action else "What moves each action"
    notes = (
        f"{shown.name} on {plain(summary.labels[at_label] if means.per_action else summary.target, 30)}",
        label_note(summary, label) if means.per_action else "",
        some_of(len(order), len(summary.features)),
        _left_out(means),
        f"hatched: {100 * level:g} % interval holds 0" if sure else "fewer than two episodes: no interval",
    )
    heading(axes, width, title, *about(summary), *notes)
    if not means.columns:
        say_nothing_there(axes)
        return axes
    values = means.mean.value[:, order].T
    largest = float(np.abs(values).max()) or 1.0
    _cells(axes, values, largest, width / len(means.columns))
    if sure:
        _hatch(axes, means.uncertain[:, order].T)
    color_bar(axes, signed_colors(), (-largest, largest), f"mean {shown.name} ({shown.unit})")
    columns, turned = _column_labels(means, width)
    axes.set_xticks(range(len(columns)), labels=columns, rotation=turned, fontsize="small", parse_math=False)
    y_labels(axes, labels)
    # The marks beside the names stand off the cells, whose colors mean something else.
    axes.set_xlim(-0.5 - 0.1 * len(means.columns) / width, len(means.columns) - 0.5)
    for row, at in enumerate(order):
        feature_mark(axes, row, at)
    axes.tick_params(length=0)
    axes.tick_params(axis="y", pad=8)
    return axes


def _what_columns_are(means: ActionMeans) -> str:
    kinds = {column.partition(":")[0] for column in means.columns}
    return "dimension of the action" if kinds == {"action"} else "explained score"


def _left_out(means: ActionMeans) -> str:
    rarer = f"{means.left_out} {'rarer actions' if means.per_action else 'more'} left out" if means.left_out else ""
    never = f"{means.never} action{'s' if means.never > 1 else ''} never taken" if means.never else ""
    return ", ".join(filter(None, (rarer, never)))


def _cells(axes: Axes, values: np.ndarray, largest: float, wide: float) -> None:
    """The colors, and the numbers where they have room; `wide` is how many inches a cell is."""
    colors = signed_colors()
    # Not aspect="equal": the cells fill the place there is.
    axes.imshow(values, aspect="auto", cmap=colors, vmin=-largest, vmax=largest, interpolation="nearest")
    axes.set_xticks(np.arange(values.shape[1] + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(values.shape[0] + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="minor", length=0)
    written = [[_written(value, largest) for value in row] for row in values.tolist()]
    if max(len(text) for row in written for text in row) * _CHARACTER > wide:
        return
    for (row, column), value in np.ndenumerate(values):
        red, green, blue, _ = colors(0.5 + 0.5 * value / largest)
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        axes.text(
            column,
            row,
            written[row][column],
            ha="center",
            va="center",
            fontsize="small",
            color="white" if dark else INK,
        )


def _written(value: float, largest: float) -> str:
    """With as many decimals as give the largest three digits."""
    decimals = 2 - int(np.floor(np.log10(largest)))
    if not 0 <= decimals <= 4:
        return number(value)
    text = f"{value:.{decimals}f}".replace("-", "−")
    return text.removeprefix("−") if not text.strip("−0.") else text


def _hatch(axes: Axes, uncertain: np.ndarray) -> None:
    from matplotlib.patches import Rectangle

    for row, column in np.argwhere(uncertain):
        place = (column - 0.5, row - 0.5)
        axes.add_patch(Rectangle(place, 1, 1, fill=False, linewidth=0, edgecolor=GRAY, hatch="////", alpha=0.3))


def _column_labels(means: ActionMeans, width: float) -> tuple[list[str], int]:
    """Names with the number of steps, broken to the width of a column, or upright where that does not do."""
    names = [plain(column.partition(":")[2] if not means.per_action else column, 24) for column in means.columns]
    counts = [f"n = {steps:,}" for steps in means.steps] if means.per_action else [""] * len(names)
    fit = int(width / max(len(names), 1) / _CHARACTER)
    broken = [textwrap.wrap(name, max(fit, 1), break_long_words=False) for name in names]
    above = [[*lines, count] if count else lines for lines, count in zip(broken, counts, strict=True)]
    if all(len(lines) <= _LINES and max(map(len, lines)) <= fit for lines in above):
        labels, turned = ["\n".join(lines) for lines in above], 0
    else:
        labels, turned = [f"{name} ({count})" if count else name for name, count in zip(names, counts, strict=True)], 90
    return labels, turned
