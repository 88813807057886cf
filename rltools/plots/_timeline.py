"""One episode: what was observed, what mattered, what was done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rltools.plots.drawing.colors import color_limit
from rltools.plots.drawing.labels import feature_labels, inches, plain
from rltools.plots.drawing.legends import signed_bar
from rltools.plots.drawing.panels import action_labels, action_panel, draw_feature, feature_panel, score_panel
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
)
from rltools.recording import every_step_first
from rltools.summary import episode_steps, median_episode, summarize

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.recording import Header, Outcome, Recording
    from rltools.summary import EpisodeSteps, Summary

TOP = 6


def timeline(
    recording: Recording,
    episode: int | None = None,
    *,
    axes: Axes | None = None,
    method: str | None = None,
    target: str | None = None,
    label: str | None = None,
    features: Sequence[str] | None = None,
    standardized: bool | None = None,
    top: int = TOP,
) -> Axes:
    """The explained score, the actions taken, and the features that matter most over the steps of one episode.

    Each feature's value is a line, its attribution the colors beneath it.

    Args:
        recording: with at least one attribution.
        episode: its number; by default the one of median return.
        axes: where to draw, all panels within its place; a new figure by default.
        method: which, where several were recorded; by default the best predictor of those that explain every step.
        target: as text, likewise.
        label: which scalar of a target that has several; by default the one with the largest attributions.
        features: names of those to show, in this order; by default the ones that matter most in the whole recording.
        standardized: multiply gradients by the standard deviation of their feature; by default where that applies.
        top: how many features by default.

    Raises:
        RecordingError: nothing that fits was explained.
        UnknownNameError: no such episode, or no such feature.
        ArgumentError: no such label; standardized values of a method whose values are in units of the score already.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> recording = rltools.explain(recording, policy)
        >>> axes = rltools.plots.timeline(recording, episode=0)
        >>> axes.get_xlabel()
        'step'
    """
    from matplotlib.ticker import MaxNLocator

    summary = summarize(recording, method=every_step_first(recording, method, target))
    shown = measure(summary, standardized)
    at_label = strongest_label(summary, label)
    order = _order(summary, features, top)
    number = median_episode(summary.outcomes) if episode is None else episode
    outcome = None if number is None else recording.outcome(number)
    name = plain(summary.labels[at_label], 30)
    labels = feature_labels([summary.features[at] for at in order], [summary.units[at] for at in order])
    axes, width = canvas(axes, 2.4 + 0.66 * max(len(order), 2), _beside([*labels, name], recording.header))
    axes.set_xlabel("step")
    axes.set_yticks([])
    frameless(axes, "bottom")
    key = summary.key
    notes = [
        label_note(summary, label),
        some_of(len(order), len(summary.features)) if features is None else "",
        f"1 of {every} steps explained, and held until the next" if (every := recording.spec(key).every) > 1 else "",
    ]
    said = (*about(summary)[:3], *_how_it_went(outcome, median=episode is None), f"colors: {shown.name} of {name}")
    heading(axes, width, "What mattered when", *said, *notes)
    if number is None or outcome is None or outcome.steps == 0:
        say_nothing_there(axes)
        return axes
    steps = episode_steps(recording, key, number, label=at_label, scale=shown.scale)
    axes.set_xlim(-0.5, outcome.steps - 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _draw(axes, steps, list(zip(labels, order, strict=True)), recording.header, (name, shown.unit))
    return axes


def _draw(axes: Axes, steps: EpisodeSteps, rows: list[tuple[str, int]], header: Header, said: tuple[str, str]) -> None:
    """All panels; `rows` are labels and positions of features, `said` the score's name and the unit."""
    discrete = header.action_start is not None
    places = _places([1.4, 0.3 if discrete else 1.0, *([1.0] * len(rows))])
    score_panel(axes, places[0], steps.scores, said[0])
    action_panel(axes, places[1], steps.actions, header.action_names, header.action_start)
    largest = color_limit(steps.attributions[:, [at for _, at in rows]])
    for place, (label, at) in zip(places[2:], rows, strict=True):
        panel = feature_panel(axes, place, at, label)
        draw_feature(panel, steps.values[:, at], steps.attributions[:, at], largest)
    low, high = places[-1][0], places[2][0] + places[2][1]
    signed_bar(axes, (low, high - low), largest, said[1])


def _beside(labels: list[str], header: Header) -> float:
    """Inches for the names on the left, and for those of the actions or the scale on the right."""
    legend = 0.5 + inches(action_labels(header.action_names), points=8.3)
    return 0.8 + inches(labels, points=8.3) + max(1.2, legend)


def _order(summary: Summary, features: Sequence[str] | None, top: int) -> list[int]:
    if features is None:
        return [found.position for found in summary.top(top)]
    return [summary.position(name) for name in features]


def _how_it_went(outcome: Outcome | None, *, median: bool) -> tuple[str, ...]:
    if outcome is None:
        return ("n = 0 steps",)
    which = f"episode {outcome.number}{', the one of median return' if median else ''}"
    steps = f"n = {outcome.steps:,} step{'s' if outcome.steps != 1 else ''}"
    return which, steps, f"return {outcome.total_reward:.4g}", outcome.ended


def _places(heights: list[float], gap: float = 0.22) -> list[tuple[float, float]]:
    """Bottom and height of panels one beneath another, in parts of the whole height."""
    whole = sum(heights) + gap * len(heights)
    tops = 1 - (np.cumsum([0.0, *heights[:-1]]) + gap * np.arange(len(heights))) / whole
    return [(float(top - height / whole), height / whole) for top, height in zip(tops, heights, strict=True)]
