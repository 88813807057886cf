"""Attributions over the course of an episode, averaged over episodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rltools._util.text import plural
from rltools.plots.drawing.alt import largest_text, tell
from rltools.plots.drawing.colors import theme_color
from rltools.plots.drawing.labels import inches, number, plain, spread_apart
from rltools.plots.drawing.line_labels import line_look
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
    labels_of,
    measure,
    set_x_label,
    strongest_label,
    top_note,
)
from rltools.summary import phase_means, summarize

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.recording import Recording
    from rltools.summary import Event, Phases, Summary

TOP = 4
"""The most lines, because more are hard to tell apart."""
MIN_EPISODES = 3
"""The fewest episodes that a report averages over."""
SHORT = 30
"""Episodes of fewer steps are not stretched to the same length."""
_HEIGHT = 3.8
_BAND_LIMIT = 2.5
"""Bands are cut off at this multiple of the largest mean."""
_LINES_FRACTION = 0.75
"""Height of the lines as a fraction of the axes of the caller; the title takes the rest."""


def _caption(report: ReportData) -> str:
    """How to read the lines, by how episodes are aligned."""
    text = "How much each feature matters in the course of an episode"
    return f"{text}, all episodes stretched to the same length." if _alignment(report.main) == "time" else f"{text}."


@plot(
    chapter=Chapter.EPISODES,
    caption=_caption,
    order=10,
    shown_when=lambda report: sum(outcome.steps > 1 for outcome in report.main.outcomes) >= MIN_EPISODES,
)
def phases(
    recording: Recording,
    *,
    axes: Axes | None = None,
    method: str | None = None,
    target: str | None = None,
    label: str | None = None,
    features: Sequence[str] | None = None,
    align: str | None = None,
    event: Event | None = None,
    event_name: str | None = None,
    signed: bool = False,
    standardized: bool | None = None,
    top: int = TOP,
    level: float = 0.95,
) -> Axes:
    """Mean attributions over the course of an episode: a line with its interval for each of the top features.

    Lines are drawn where at least half of the episodes have steps, so that a few long episodes do not dominate.

    Args:
        recording: recording with at least one attribution.
        axes: axes to draw in; by default those of a new figure.
        method: attribution method, if the recording has several.
        target: explained target, for instance "logit:chosen", if the recording has several.
        label: one scalar of a target with several; by default the one with the largest attributions.
        features: names of features; by default the most important ones of the recording.
        align: how episodes are aligned without an event: "time" (0 to 100 % of each episode), "start" or "end"; by
            default "time", and "start" where most episodes are so short that stretching them would show spikes.
        event: event on which episodes are aligned: a feature and a threshold, for the first step at which the feature
            exceeds it, such as `("left leg contact", 0.5)`; or a function of an `Episode` that returns a step or None.
        event_name: name of the event, such as `touchdown`.
        signed: whether to draw signed attributions instead of their magnitudes.
        standardized: whether to multiply attributions by the standard deviation of their feature; by default for
            methods whose values are per unit of the feature.
        top: number of features, unless `features` names them.
        level: confidence level of the intervals, over episodes and the draw of references or noise.

    Raises:
        RecordingError: the recording has no such attribution.
        UnknownNameError: there is no such feature.
        ArgumentError: there is no such label or alignment, or `standardized` is set for a method in units of the score.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("lunarlander-ppo")
        >>> recording = rltools.record(policy, episodes=10)
        >>> recording = rltools.explain(recording, policy, method="shapley", references=32, every=4)
        >>> axes = rltools.plots.phases(recording, event=("left leg contact", 0.5), event_name="touchdown")
        >>> axes.get_xlabel().split(",")[0]
        'steps since touchdown'
    """
    summary = summarize(recording, method=method, target=target)
    quantity = measure(summary, standardized)
    label_index = strongest_label(summary, label)
    if features is None:
        order = [ranked.position for ranked in summary.top(top)]
    else:
        order = [summary.position(name) for name in features]
    align = align or _alignment(summary)
    result = phase_means(
        recording,
        summary.key,
        order,
        label=label_index,
        scale=quantity.scale,
        signed=signed,
        align=align,
        event=event,
        level=level,
    )
    labels = labels_of(summary, order, units=False)
    axes, width = canvas(axes, _HEIGHT, 0.9 + inches(labels))
    set_x_label(axes, width, _x_label(align, event, event_name))
    size = f"mean {quantity.name}" if signed else f"mean |{quantity.name}|"
    axes.set_ylabel(effect_words(replace(quantity, name=size), summary.labels[label_index], 36), parse_math=False)
    keep_spines(axes, "bottom", "left")
    normalized = align == "time" and event is None
    without_event = summary.overall.episodes - result.episodes
    mean, *ends = (np.abs(part[_reached(result)]) for part in (result.mean.value, result.mean.low, result.mean.high))
    # Bands of a few bins with few episodes would flatten all lines.
    limit = _BAND_LIMIT * float(np.nanmax(mean, initial=0)) or np.inf
    highest = float(np.nan_to_num(ends).max(initial=0))
    notes = (
        label_note(summary, label),
        top_note(len(order), len(summary.features)) if features is None else "",
        interval_note(result.mean.low, result.episodes, level, "bands: {}"),
        f"{plural(without_event, 'episode')} without the event left out" if without_event else "",
        "" if normalized else "drawn where half of the episodes have steps",
        _bin_note(result, normalized=normalized),
        "some bands are cut off" if highest > limit else "",
    )
    heading(axes, width, "What matters when in an episode", *describe(summary), *notes)
    if not _reached(result).any():  # a sparse sample of the steps may leave no part with half of the episodes
        draw_no_steps(axes)
        return axes
    if signed:
        axes.axhline(0, color=theme_color("muted"), linewidth=0.8, zorder=1)
    if event is not None:
        axes.axvline(0, color=theme_color("muted"), linewidth=0.8, linestyle="--", zorder=1)
    line_ends = _draw_lines(axes, result, len(order))
    axes.margins(x=0.01)
    if normalized:
        axes.set_xlim(0, 100)
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, -limit) if signed else 0, min(high, limit) or 1.0)
    _name_lines(axes, labels, line_ends)
    reached, unit = _reached(result), " %" if normalized else ""
    when = [f"at {number(position)}{unit}" for position in result.positions[reached]]
    tell(axes, largest_text(result.mean.value[reached].T, labels, when, "mean"))
    return axes


def _alignment(summary: Summary) -> str:
    """Steps since the start for short episodes, else the part of the episode."""
    lengths = [outcome.steps for outcome in summary.outcomes if outcome.steps]
    return "start" if lengths and np.median(lengths) < SHORT else "time"


def _x_label(align: str, event: Event | None, name: str | None) -> str:
    if event is None:
        steps = {"start": "steps since the start of the episode", "end": "steps from the end of the episode"}
        return steps.get(align, "part of the episode (%)")
    condition = "" if callable(event) else f"the first step with {plain(event[0], 30)} > {number(event[1])}"
    if name is None:
        return f"steps since {condition or 'the event'}"
    return f"steps since {plain(name, 30)}{f', {condition}' if condition else ''}"


def _bin_note(result: Phases, *, normalized: bool) -> str:
    return "" if normalized or result.width == 1 else f"means of {result.width:g} steps"


def _reached(result: Phases) -> np.ndarray:
    """Bool `[bin]`: whether at least half of the episodes have steps there."""
    reached: np.ndarray = (2 * result.reached >= result.episodes) & (result.reached > 0)
    return reached


def _draw_lines(axes: Axes, result: Phases, count: int) -> list[tuple[float, float]]:
    """Draw the lines, the most important one on top; returns the last point of each."""
    reached = _reached(result)
    time = result.positions[reached]
    ends = []
    for line in reversed(range(count)):
        color, dashes = line_look(line)
        low, mean, high = (part[reached, line] for part in (result.mean.low, result.mean.value, result.mean.high))
        axes.fill_between(time, low, high, color=color, alpha=0.16, linewidth=0, zorder=2)
        axes.plot(
            time, mean, color=color, linestyle=dashes, linewidth=1.7, marker="o" if len(time) == 1 else None, zorder=3
        )
        ends.append((float(time[-1]), float(mean[-1])))
    return ends[::-1]


def _name_lines(axes: Axes, labels: Sequence[str], ends: Sequence[tuple[float, float]]) -> None:
    """Write the names on the right where their lines end, moved apart if they would overlap."""
    from matplotlib.font_manager import FontProperties

    figure = axes.get_figure(root=True)
    tall = _LINES_FRACTION * axes.get_position().height * (figure.get_figheight() if figure else _HEIGHT)
    tall_line = 1.3 * FontProperties(size="small").get_size_in_points() / 72 / tall
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    heights = [(y - low) / (high - low) for _, y in ends]
    heights = spread_apart(heights, [tall_line * (1 + label.count("\n")) for label in labels])
    for line, (label, end, height) in enumerate(zip(labels, ends, heights, strict=True)):
        leader = {"arrowstyle": "-", "color": line_look(line)[0], "linewidth": 1, "shrinkA": 0, "shrinkB": 0}
        fraction = axes.transAxes
        axes.annotate("", end, xytext=(1.04, height), textcoords=fraction, annotation_clip=False, arrowprops=leader)
        axes.text(
            1.05,
            height,
            label,
            transform=fraction,
            fontsize="small",
            color=theme_color("ink"),
            va="center",
            parse_math=False,
        )
