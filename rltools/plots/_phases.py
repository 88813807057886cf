"""What matters when in an episode, over all episodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rltools.plots.drawing.colors import GRAY, INK, feature_color
from rltools.plots.drawing.labels import feature_labels, inches, number, plain
from rltools.plots.drawing.style import (
    about,
    canvas,
    frameless,
    heading,
    label_note,
    measure,
    say_nothing_there,
    some_of,
    strongest_label,
    x_label,
)
from rltools.summary import phase_means, summarize

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.recording import Recording
    from rltools.summary import Event, Phases

TOP = 4
"""More lines than that cannot be told apart."""
_HEIGHT = 3.8
_PART_FOR_LINES = 0.75
"""Of the height of axes; the title takes the rest."""


def phases(
    recording: Recording,
    *,
    axes: Axes | None = None,
    method: str | None = None,
    target: str | None = None,
    label: str | None = None,
    features: Sequence[str] | None = None,
    align: str = "time",
    event: Event | None = None,
    event_name: str | None = None,
    signed: bool = False,
    standardized: bool | None = None,
    top: int = TOP,
    level: float = 0.95,
) -> Axes:
    """Mean attributions over the time of an episode, a line with its interval for each of a few features.

    Lines are drawn where at least half of the episodes still are, so that they are not those of a few long episodes.

    Args:
        recording: with at least one attribution.
        axes: where to draw; a new figure by default.
        method: which, where several were recorded.
        target: as text, likewise.
        label: which scalar of a target that has several; by default the one with the largest attributions.
        features: names of those to show; by default the ones that matter most in the whole recording.
        align: what lies upon what where there is no event: "time", from 0 to 100 % of each episode, "start" or "end".
        event: what lies upon what: a feature and a number, for the first step at which it is larger, for instance
            `("left leg contact", 0.5)`; or a function of an `Episode` that gives a step, None where there is none.
        event_name: what to call it: `touchdown`.
        signed: signed attributions in place of their magnitudes.
        standardized: multiply gradients by the standard deviation of their feature; by default where that applies.
        top: how many features by default.
        level: of the intervals, over the episodes and what was drawn for all of them.

    Raises:
        RecordingError: nothing that fits was explained.
        UnknownNameError: no such feature.
        ArgumentError: no such label or alignment; standardized values of a method whose values are in units of the
            score already.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> recording = rltools.explain(recording, policy)
        >>> axes = rltools.plots.phases(recording)
        >>> axes.get_xlabel()
        'part of the episode (%)'
    """
    summary = summarize(recording, method=method, target=target)
    shown = measure(summary, standardized)
    at_label = strongest_label(summary, label)
    if features is None:
        order = [found.position for found in summary.top(top)]
    else:
        order = [summary.position(name) for name in features]
    found = phase_means(
        recording,
        summary.key,
        order,
        label=at_label,
        scale=shown.scale,
        signed=signed,
        align=align,
        event=event,
        level=level,
    )
    labels = feature_labels([summary.features[at] for at in order], [""] * len(order))
    axes, width = canvas(axes, _HEIGHT, 0.9 + inches(labels))
    x_label(axes, width, _time(align, event, event_name))
    size = f"mean {shown.name}" if signed else f"mean |{shown.name}|"
    axes.set_ylabel(f"{size}\non {plain(summary.labels[at_label], 30)} ({shown.unit})", parse_math=False)
    frameless(axes, "bottom", "left")
    normalized = align == "time" and event is None
    left_out = summary.overall.episodes - found.episodes
    notes = (
        label_note(summary, label),
        some_of(len(order), len(summary.features)) if features is None else "",
        f"bands: {100 * level:g} % interval" if found.episodes > 1 else "fewer than two episodes: no interval",
        f"{left_out} episode{'s' if left_out > 1 else ''} without the event left out" if left_out else "",
        "" if normalized else "drawn where half of the episodes are",
        _binned(found, normalized=normalized),
    )
    heading(axes, width, "What matters when in an episode", *about(summary), *notes)
    if found.episodes == 0:
        say_nothing_there(axes)
        return axes
    if signed:
        axes.axhline(0, color=GRAY, linewidth=0.8, zorder=1)
    if event is not None:
        axes.axvline(0, color=GRAY, linewidth=0.8, linestyle="--", zorder=1)
    ends = _lines(axes, found, order)
    axes.margins(x=0.01)
    if normalized:
        axes.set_xlim(0, 100)
    if not signed:
        axes.set_ylim(0, axes.get_ylim()[1] or 1.0)
    _name_lines(axes, labels, order, ends)
    return axes


def _time(align: str, event: Event | None, name: str | None) -> str:
    if event is None:
        steps = {"start": "steps since the start of the episode", "end": "steps from the end of the episode"}
        return steps.get(align, "part of the episode (%)")
    at = "" if callable(event) else f"the first step with {plain(event[0], 30)} > {number(event[1])}"
    if name is None:
        return f"steps since {at or 'the event'}"
    return f"steps since {plain(name, 30)}{f', {at}' if at else ''}"


def _binned(found: Phases, *, normalized: bool) -> str:
    return "" if normalized or found.width == 1 else f"means of {found.width:g} steps"


def _lines(axes: Axes, found: Phases, order: Sequence[int]) -> list[tuple[float, float]]:
    """Draws them, the most important one on top; returns where each ends."""
    there = 2 * found.reached >= found.episodes
    at = found.at[there]
    ends = []
    for line, position in reversed(list(enumerate(order))):
        color = feature_color(position)
        low, mean, high = (part[there, line] for part in (found.mean.low, found.mean.value, found.mean.high))
        axes.fill_between(at, low, high, color=color, alpha=0.22, linewidth=0, zorder=2)
        axes.plot(at, mean, color=color, linewidth=1.7, marker="o" if len(at) == 1 else None, zorder=3)
        ends.append((float(at[-1]), float(mean[-1])))
    return ends[::-1]


def _name_lines(axes: Axes, labels: Sequence[str], order: Sequence[int], ends: Sequence[tuple[float, float]]) -> None:
    """Names on the right at the height where their lines end, moved apart where these are close."""
    from matplotlib.font_manager import FontProperties

    figure = axes.get_figure(root=True)
    tall = _PART_FOR_LINES * axes.get_position().height * (figure.get_figheight() if figure else _HEIGHT)
    line = 1.3 * FontProperties(size="small").get_size_in_points() / 72 / tall
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    wanted = [(y - low) / (high - low) for _, y in ends]
    places = _apart(wanted, [line * (1 + label.count("\n")) for label in labels])
    for label, position, end, place in zip(labels, order, ends, places, strict=True):
        leader = {"arrowstyle": "-", "color": feature_color(position), "linewidth": 1, "shrinkA": 0, "shrinkB": 0}
        fraction = axes.transAxes
        axes.annotate("", end, xytext=(1.04, place), textcoords=fraction, annotation_clip=False, arrowprops=leader)
        axes.text(1.05, place, label, transform=fraction, fontsize="small", color=INK, va="center", parse_math=False)


def _apart(wanted: Sequence[float], heights: Sequence[float]) -> list[float]:
    """Places from 0 to 1 near those wanted, in their order, so that what has these heights does not overlap."""
    order = sorted(range(len(wanted)), key=lambda at: wanted[at])
    places = list(wanted)
    floor = -float("inf")
    for at in order:
        places[at] = max(places[at], floor + heights[at] / 2)
        floor = places[at] + heights[at] / 2
    ceiling = 1.0
    for at in reversed(order):
        places[at] = min(places[at], ceiling - heights[at] / 2)
        ceiling = places[at] - heights[at] / 2
    return places
