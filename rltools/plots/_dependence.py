"""How the attribution of one feature goes with its value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rltools.plots.drawing.colors import GRAY, INK, feature_color
from rltools.plots.drawing.dots import MOST, Color, color_by_action, color_by_value, draw_dots
from rltools.plots.drawing.labels import feature_labels, number, plain
from rltools.plots.drawing.style import (
    about,
    canvas,
    frameless,
    heading,
    label_note,
    measure,
    say_nothing_there,
    strongest_label,
)
from rltools.summary import explained_points, stride_for, summarize, value_dependence

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.recording import Recording
    from rltools.summary import Dependence, Summary

ACTION = -1
"""In the place of a feature's position: the action taken."""
_ROOM_FOR_TICK = 0.1
"""Of the axis."""


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
    """Attributions of one feature against its value, a dot a step, with their mean along the values.

    The colors say what else the attribution goes with, by default what explains most of what the feature's own value
    leaves open: the feature with the largest rank correlation with the attribution among steps of about the same value,
    or the action taken, where its correlation ratio is larger still.

    Args:
        recording: with at least one attribution.
        feature: its name; by default the one that matters most.
        axes: where to draw; a new figure by default.
        method: which, where several were recorded.
        target: as text, likewise.
        label: which scalar of a target that has several; by default the one with the largest attributions.
        colored_by: name of another feature, or "action" for the one taken, where that is one discrete choice.
        standardized: multiply gradients by the standard deviation of their feature; by default where that applies.
        level: of the interval of the mean, over the episodes and what was drawn for all of them.

    Raises:
        RecordingError: nothing that fits was explained.
        UnknownNameError: no such feature, also for colors by a discrete action that is not there.
        ArgumentError: no such label; standardized values of a method whose values are in units of the score already.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> recording = rltools.explain(recording, policy)
        >>> axes = rltools.plots.dependence(recording, feature="pole angle")
        >>> axes.get_xlabel()
        'pole angle (rad)'
    """
    summary = summarize(recording, method=method, target=target, level=level)
    shown = measure(summary, standardized)
    at_label = strongest_label(summary, label)
    position = summary.top(1)[0].position if feature is None else summary.position(feature)
    stride = stride_for(summary.n)
    points = explained_points(recording, summary.key, label=at_label, stride=stride, scale=shown.scale)
    found = value_dependence(points, position, level=level)
    other = _others(summary, found, colored_by)
    drawn = slice(None, None, stride_for(len(points.values), MOST))
    values, attributions = points.values[drawn], points.attributions[drawn, position]
    axes, width = canvas(axes, 3.7, 2.0)
    axes.set_xlabel(_name(summary, position), parse_math=False)
    of = f"{shown.name} of this feature\non {plain(summary.labels[at_label], 30)} ({shown.unit})"
    axes.set_ylabel(of, parse_math=False)
    frameless(axes, "bottom", "left")
    notes = (
        label_note(summary, label),
        f"{len(values):,} evenly spread steps drawn" if len(values) < points.n else "",
        *_said(summary, found, other if colored_by is None else None, level),
    )
    heading(axes, width, f"What {plain(summary.features[position], 30)} does, by its value", *about(summary), *notes)
    if len(values) == 0:
        say_nothing_there(axes)
        return axes
    axes.axhline(0, color=GRAY, linewidth=0.8, zorder=1)
    at = values[:, position]
    if found.few:
        gap = float(np.diff(found.at).min()) if len(found.at) > 1 else 1.0
        # Dots of one of few values lie side by side.
        at = at + 0.25 * gap * np.random.default_rng(0).uniform(-1, 1, len(at))
        axes.set_xlim(found.at[0] - gap / 2, found.at[-1] + gap / 2)
        if gap > _ROOM_FOR_TICK * np.ptp(found.at):
            axes.set_xticks(found.at, labels=[number(value) for value in found.at])
    if other == ACTION:
        colors: Sequence[Color] = color_by_action(axes, points.actions[drawn], points.action_names)
    elif other is None:
        colors = [feature_color(position)] * len(at)
    else:
        colors = color_by_value(axes, values[:, other], _name(summary, other))
    draw_dots(axes, at, attributions, colors)
    _mean(axes, found)
    return axes


def _others(summary: Summary, found: Dependence, colored_by: str | None) -> int | None:
    """The position of the feature that gives the colors, or ACTION; None for neither."""
    if colored_by is None:
        return ACTION if found.by_action > found.correlation else found.other
    if colored_by == "action" and summary.by_action and "action" not in summary.features:
        return ACTION
    return summary.position(colored_by)


def _name(summary: Summary, position: int) -> str:
    (name,) = feature_labels([summary.features[position]], [summary.units[position]])
    return name


def _said(summary: Summary, found: Dependence, chosen: int | None, level: float) -> tuple[str, ...]:
    """What the line is, and why the colors are those of the feature, or the action, that was chosen here."""
    interval = f", {100 * level:g} % interval" if summary.overall.episodes > 1 else ", one episode: no interval"
    line = f"black: mean{interval}"
    if chosen is None:
        return (line,)
    how = (
        f"correlation ratio {found.by_action:.2f}"
        if chosen == ACTION
        else f"|rank correlation| {found.correlation:.2f}"
    )
    return line, f"colors: what explains most of the rest ({how})"


def _mean(axes: Axes, found: Dependence) -> None:
    from matplotlib.patheffects import Normal, Stroke

    seen = [Stroke(linewidth=2.3, foreground="white"), Normal()]
    mean = found.mean
    if found.few:
        axes.vlines(found.at, mean.low, mean.high, color=INK, linewidth=1.6, zorder=4, path_effects=seen)
        axes.plot(found.at, mean.value, "D", color=INK, markeredgecolor="white", markersize=6, zorder=5)
        return
    axes.fill_between(found.at, mean.low, mean.high, color=INK, alpha=0.28, linewidth=0, zorder=3)
    axes.plot(found.at, mean.value, color=INK, linewidth=1.5, zorder=4, path_effects=seen)
    axes.plot(found.at, mean.value, "D" if len(found.at) == 1 else ".", color=INK, markersize=4, zorder=4)
