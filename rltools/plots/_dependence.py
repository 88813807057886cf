"""Attribution of one feature as a function of its value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rltools.plots.drawing.colors import feature_color, theme_color
from rltools.plots.drawing.dots import MAX_DOTS, Color, color_by_action, color_by_value, draw_dots
from rltools.plots.drawing.labels import feature_labels, number, plain
from rltools.plots.drawing.plot_info import Chapter, ReportData, plot
from rltools.plots.drawing.style import (
    canvas,
    describe,
    draw_no_steps,
    heading,
    interval_note,
    keep_spines,
    label_note,
    measure,
    strongest_label,
)
from rltools.summary import explained_points, stride_for, summarize, value_dependence

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.recording import Recording
    from rltools.summary import Dependence, Summary

ACTION = -1
"""Stands for the action taken where a feature's position is expected."""
_MIN_TICK_GAP = 0.1
"""The smallest distance between ticks, as a fraction of the axis."""


def _is_one_hot(report: ReportData) -> bool:
    """Whether the leading feature is an element of a one-hot choice, 0 or 1, which has nothing to plot along."""
    features, spec = report.recording.features_of(report.main.key), report.recording.spec(report.main.key)
    # A summary has a row for each choice, or for each of its values.
    rows = dict([*spec.rows(features, merged=True), *spec.rows(features)])
    first = rows[report.main.top(1)[0].feature][0]
    part = next(part for part in features.parts if part.start <= first < part.stop)
    return part.leaf.kind == "choice"


@plot(
    chapter=Chapter.FEATURES,
    caption="The leading feature by its value: each dot is one step, the black line the mean with its interval. Where "
    "colors part, each follows the feature in its own direction, and the mean is over all of them.",
    order=40,
    shown_when=lambda report: not report.has_images and not _is_one_hot(report),
)
def dependence(
    recording: Recording,
    feature: str | None = None,
    *,
    axes: Axes | None = None,
    method: str | None = None,
    target: str | None = None,
    label: str | None = None,
    colored_by: str | None = None,
    standardized: bool | None = None,
    level: float = 0.95,
) -> Axes:
    """Attributions of one feature against its value: a dot for each step, and the mean by value.

    Colors show another variable; by default the one that explains most of what the value leaves open: the feature with
    the largest rank correlation with the attribution among steps of similar value, or the action taken if its
    correlation ratio is larger.

    Args:
        recording: recording with at least one attribution.
        feature: name of the feature; by default the most important one.
        axes: axes to draw in; by default those of a new figure.
        method: attribution method, if the recording has several.
        target: explained target, for instance "logit:chosen", if the recording has several.
        label: one scalar of a target with several; by default the one with the largest attributions.
        colored_by: name of another feature, or "action" for the action taken, if that is discrete.
        standardized: whether to multiply attributions by the standard deviation of their feature; by default for
            methods whose values are per unit of the feature.
        level: confidence level of the interval of the mean, over episodes and the draw of references or noise.

    Raises:
        RecordingError: the recording has no such attribution.
        UnknownNameError: there is no such feature, or no discrete action to color by.
        ArgumentError: there is no such label, or `standardized` is set for a method in units of the score.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("lunarlander-ppo")
        >>> recording = rltools.record(policy, episodes=6)
        >>> recording = rltools.explain(recording, policy, method="shapley", references=32, every=3)
        >>> axes = rltools.plots.dependence(recording, "y velocity")
        >>> axes.get_xlabel()
        'y velocity (7.5 length units/s)'
    """
    summary = summarize(recording, method=method, target=target, level=level)
    quantity = measure(summary, standardized)
    label_index = strongest_label(summary, label)
    position = summary.top(1)[0].position if feature is None else summary.position(feature)
    stride = stride_for(summary.n)
    points = explained_points(recording, summary.key, label=label_index, stride=stride, scale=quantity.scale)
    result = value_dependence(points, position, level=level)
    color_feature = _color_feature(summary, result, colored_by)
    sample = slice(None, None, stride_for(len(points.values), MAX_DOTS))
    values, attributions = points.values[sample], points.attributions[sample, position]
    axes, width = canvas(axes, 3.7, 2.0)
    axes.set_xlabel(_name(summary, position), parse_math=False)
    y_label = f"{quantity.name} of this feature\non {plain(summary.labels[label_index], 30)} ({quantity.unit})"
    axes.set_ylabel(y_label, parse_math=False)
    keep_spines(axes, "bottom", "left")
    notes = (
        label_note(summary, label),
        f"{len(values):,} evenly spread steps drawn" if len(values) < points.n else "",
        *_notes(summary, result, color_feature if colored_by is None else None, level),
    )
    heading(axes, width, f"What {plain(summary.features[position], 30)} does, by its value", *describe(summary), *notes)
    if len(values) == 0:
        draw_no_steps(axes)
        return axes
    axes.axhline(0, color=theme_color("muted"), linewidth=0.8, zorder=1)
    x = values[:, position]
    if result.few:
        gap = float(np.diff(result.centers).min()) if len(result.centers) > 1 else 1.0
        # Jitter, so that dots of equal values do not hide one another.
        x = x + 0.25 * gap * np.random.default_rng(0).uniform(-1, 1, len(x))
        axes.set_xlim(result.centers[0] - gap / 2, result.centers[-1] + gap / 2)
        if gap > _MIN_TICK_GAP * np.ptp(result.centers):
            axes.set_xticks(result.centers, labels=[number(value) for value in result.centers])
    if color_feature == ACTION:
        colors: Sequence[Color] = color_by_action(axes, points.actions[sample], points.action_names)
    elif color_feature is None:
        colors = [feature_color(position)] * len(x)
    else:
        colors = color_by_value(axes, values[:, color_feature], _name(summary, color_feature))
    draw_dots(axes, x, attributions, colors)
    _draw_mean(axes, result)
    return axes


def _color_feature(summary: Summary, result: Dependence, colored_by: str | None) -> int | None:
    """Position of the feature that gives the colors, or `ACTION`; None for neither."""
    if colored_by is None:
        return ACTION if result.by_action > result.correlation else result.other
    if colored_by == "action" and summary.by_action and "action" not in summary.features:
        return ACTION
    return summary.position(colored_by)


def _name(summary: Summary, position: int) -> str:
    (name,) = feature_labels([summary.features[position]], [summary.units[position]])
    return name


def _notes(summary: Summary, result: Dependence, color_choice: int | None, level: float) -> tuple[str, ...]:
    """Small print: the meaning of the line, and how the variable of the colors was chosen."""
    line = f"black: mean, {interval_note(result.mean.low, summary.overall.episodes, level)}"
    if color_choice is None:
        return (line,)
    association = (
        f"correlation ratio {result.by_action:.2f}"
        if color_choice == ACTION
        else f"|rank correlation| {result.correlation:.2f}"
    )
    return line, f"colors: what explains most of the rest ({association})"


def _draw_mean(axes: Axes, result: Dependence) -> None:
    from matplotlib.patheffects import Normal, Stroke

    outlined = [Stroke(linewidth=2.3, foreground=theme_color("paper")), Normal()]
    mean = result.mean
    if result.few:
        axes.vlines(
            result.centers,
            mean.low,
            mean.high,
            color=theme_color("ink"),
            linewidth=1.6,
            zorder=4,
            path_effects=outlined,
        )
        axes.plot(
            result.centers,
            mean.value,
            "D",
            color=theme_color("ink"),
            markeredgecolor=theme_color("paper"),
            markersize=6,
            zorder=5,
        )
        return
    axes.fill_between(result.centers, mean.low, mean.high, color=theme_color("ink"), alpha=0.28, linewidth=0, zorder=3)
    axes.plot(result.centers, mean.value, color=theme_color("ink"), linewidth=1.5, zorder=4, path_effects=outlined)
    axes.plot(
        result.centers,
        mean.value,
        "D" if len(result.centers) == 1 else ".",
        color=theme_color("ink"),
        markersize=4,
        zorder=4,
    )
