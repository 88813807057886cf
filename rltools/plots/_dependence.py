"""Attribution of one feature as a function of its value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rltools.plots.drawing.alt import tell
from rltools.plots.drawing.colors import action_color, theme_color
from rltools.plots.drawing.dots import MAX_DOTS, Color, color_by_action, color_by_value, draw_dots
from rltools.plots.drawing.labels import feature_labels, number, plain
from rltools.plots.drawing.legends import most_taken
from rltools.plots.drawing.plot_info import Chapter, ReportData, plot
from rltools.plots.drawing.quantities import effect_words
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
    from rltools.summary import Curve, Dependence, Points, Summary

ACTION = -1
"""Stands for the action taken where a feature's position is expected."""
_MIN_TICK_GAP = 0.1
"""The smallest distance between ticks, as a fraction of the axis."""
_WIDE = 3.0
"""Inches from which the label of attributions may be long: narrow figures are low, too."""
_FOOT, _HISTOGRAM_BINS = 0.14, 40
"""The height of the histogram at the foot, as a part of the range of attributions, and its number of bars."""


def _is_one_hot(report: ReportData) -> bool:
    """Whether the leading feature is a choice, whose values have no order to plot along."""
    features, main = report.recording.features_of(report.main.key), report.main
    first = main.elements[main.top(1)[0].position][0]
    part = next(part for part in features.parts if part.start <= first < part.stop)
    return part.leaf.kind == "choice"


@plot(
    chapter=Chapter.FEATURES,
    caption="The leading feature by its value: each dot is one step, a line the mean with its interval, for each "
    "action where the data part by the action. A line is broken where there are no steps. Bars at the foot: how often "
    "each value occurs.",
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
    """Attributions of one feature against its value: a dot for each step, the mean by value, and how often it occurs.

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
        'y velocity / (7.5 length units/s)'
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
    axes, width = canvas(axes, 3.8, 2.0)
    axes.set_xlabel(_name(summary, position), parse_math=False)
    axes.set_ylabel(effect_words(quantity, summary.labels[label_index], 36 if width > _WIDE else 26), parse_math=False)
    keep_spines(axes, "bottom", "left")
    curves = _curves(result, points, color_feature)
    notes = (
        label_note(summary, label),
        f"{len(values):,} evenly spread steps drawn" if len(values) < points.n else "",
        *_notes(summary, result, color_feature if colored_by is None else None, curves, level),
    )
    heading(axes, width, f"What {plain(summary.features[position], 30)} does, by its value", *describe(summary), *notes)
    if len(values) == 0:
        draw_no_steps(axes)
        return axes
    axes.axhline(0, color=theme_color("muted"), linewidth=0.8, zorder=1)
    x = values[:, position]
    few, centers = result.curve.few, result.curve.centers
    if few:
        gap = float(np.diff(centers).min()) if len(centers) > 1 else 1.0
        # Jitter, so that dots of equal values do not hide one another.
        x = x + 0.25 * gap * np.random.default_rng(0).uniform(-1, 1, len(x))
        axes.set_xlim(centers[0] - gap / 2, centers[-1] + gap / 2)
        if gap > _MIN_TICK_GAP * np.ptp(centers):
            axes.set_xticks(centers, labels=[number(value) for value in centers])
    if color_feature == ACTION:
        colors: Sequence[Color] = color_by_action(axes, points.actions[sample], points.action_names)
    elif color_feature is None:
        colors = [theme_color("muted")] * len(x)
    else:
        colors = color_by_value(axes, values[:, color_feature], _name(summary, color_feature))
    draw_dots(axes, x, attributions, colors, points.numbers[sample], points.steps[sample])
    for color, curve in curves:
        _draw_mean(axes, curve, color)
    _draw_histogram(axes, points.values[:, position], centers if few else None)
    reached = np.flatnonzero(np.isfinite(result.curve.mean.value))
    if len(reached):
        first, last = (f"{number(result.curve.mean.value[end])} at {number(centers[end])}" for end in reached[[0, -1]])
        tell(axes, f"the mean over all steps goes from {first} to {last}")
    return axes


def _curves(result: Dependence, points: Points, color_feature: int | None) -> list[tuple[str, Curve]]:
    """The means to draw, with their colors: one for each frequent action where actions have colors, else one."""
    if color_feature != ACTION:
        return [(theme_color("ink"), result.curve)]
    named, _ = most_taken(points.actions)
    return [(action_color(action), result.by_actions[action]) for action in named if action in result.by_actions]


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


def _notes(
    summary: Summary, result: Dependence, color_choice: int | None, curves: Sequence[tuple[str, Curve]], level: float
) -> tuple[str, ...]:
    """Small print: the meaning of the lines, and how the variable of the colors was chosen."""
    low = np.concatenate([curve.mean.low for _, curve in curves]) if curves else np.zeros(0)
    intervals = interval_note(low, summary.overall.episodes, level)
    line = f"lines: mean of each action, {intervals}" if len(curves) > 1 else f"line: mean, {intervals}"
    if color_choice is None:
        return (line,)
    association = (
        f"correlation ratio {result.by_action:.2f}"
        if color_choice == ACTION
        else f"|rank correlation| {result.correlation:.2f}"
    )
    return line, f"colors: what explains most of the rest ({association})"


def _draw_mean(axes: Axes, curve: Curve, color: str) -> None:
    """Draw a mean with its interval where there are steps; it is broken where there are none."""
    from matplotlib.patheffects import Normal, Stroke

    outlined = [Stroke(linewidth=3.6, foreground=theme_color("paper")), Normal()]
    mean, centers = curve.mean, curve.centers
    if curve.few:
        axes.vlines(centers, mean.low, mean.high, color=color, linewidth=1.8, zorder=4, path_effects=outlined)
        axes.plot(centers, mean.value, "D", color=color, markeredgecolor=theme_color("paper"), markersize=6.5, zorder=5)
        return
    starts = np.flatnonzero(~(curve.joined & curve.supported & np.roll(curve.supported, 1)))
    for piece in np.split(np.arange(len(centers)), starts):
        rows = piece[curve.supported[piece]]
        if not len(rows):
            continue
        axes.fill_between(
            centers[rows], mean.low[rows], mean.high[rows], color=color, alpha=0.25, linewidth=0, zorder=3
        )
        marker = "D" if len(rows) == 1 else None
        axes.plot(
            centers[rows], mean.value[rows], color=color, linewidth=2.0, marker=marker, markersize=4, zorder=4,
            path_effects=outlined,
        )  # fmt: skip


def _draw_histogram(axes: Axes, values: np.ndarray, centers: np.ndarray | None) -> None:
    """Draw at the foot how often each value occurs."""
    low, high = axes.get_ylim()
    foot = low - _FOOT * (high - low)
    if centers is None:
        counts, edges = np.histogram(values, bins=_HISTOGRAM_BINS)
    else:
        width = 0.5 * (float(np.diff(centers).min()) if len(centers) > 1 else 1.0)
        counts = np.array([(values == center).sum() for center in centers])
        edges = np.append(centers - width / 2, centers[-1] + width / 2)
    widths = np.diff(edges) if centers is None else np.full(len(counts), width)
    heights = 0.85 * (low - foot) * counts / max(counts.max(), 1)
    axes.bar(
        edges[: len(counts)],
        heights,
        widths,
        bottom=foot,
        align="edge",
        color=theme_color("line"),
        linewidth=0,
        zorder=0,
    )
    axes.set_ylim(foot, high)
