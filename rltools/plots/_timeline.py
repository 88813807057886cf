"""Scores, actions, feature values and attributions over the steps of one episode."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from rltools.errors import ArgumentError, RecordingError
from rltools.plots.drawing.alt import largest_text, tell
from rltools.plots.drawing.colors import color_limit
from rltools.plots.drawing.labels import inches, most_ticks, plain
from rltools.plots.drawing.legends import MAX_ACTIONS, action_labels, below_legend, signed_bar
from rltools.plots.drawing.panels import action_panel, draw_feature, feature_panel, score_panel
from rltools.plots.drawing.plot_info import Chapter, plot
from rltools.plots.drawing.quantities import ending_words, score_words
from rltools.plots.drawing.steps import link_span
from rltools.plots.drawing.style import (
    Measure,
    canvas,
    draw_no_steps,
    heading,
    keep_spines,
    label_note,
    labels_of,
    measure,
    strongest_label,
)
from rltools.recording import episode_advantages, episode_margins, every_step_first, median_episode
from rltools.summary import episode_steps, summarize

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.recording import Header, Outcome, Recording
    from rltools.summary import EpisodeSteps, Summary

TOP = 6
Trace = Literal["value", "advantage", "margin"]


_DATA = 5.4
"""The width of the data of a new figure, in inches."""


@plot(
    chapter=Chapter.EPISODES,
    caption="The episode with the median return, step by step: what the features were, and in color what they did to "
    "the score.",
    order=20,
    shown_when=lambda report: not report.has_images,
)
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
    traces: Sequence[Trace] = (),
) -> Axes:
    """Explained score, actions, and the most important features over the steps of one episode.

    The value of a feature is a line, its attribution the colors below it.

    Args:
        recording: recording with at least one attribution.
        episode: number of the episode; by default the one with the median return.
        axes: axes into which all panels are inset; by default those of a new figure.
        method: attribution method; by default, of those that explain every step, the first choice.
        target: explained target, for instance "logit:chosen", if the recording has several.
        label: one scalar of a target with several; by default the one with the largest attributions.
        features: names of features, in this order; by default the most important ones of the recording.
        standardized: whether to multiply attributions by the standard deviation of their feature; by default for
            methods whose values are per unit of the feature.
        top: number of features, unless `features` names them.
        traces: "value", "advantage" and "margin", in this order: panels below the score with what the policy expected
            at each step and how its actions turned out; see `rltools.recording.advantages`.

    Raises:
        RecordingError: the recording has no such attribution, or the episode no such trace.
        UnknownNameError: there is no such episode or feature.
        ArgumentError: there is no such label or trace, or `standardized` is set for a method in units of the score.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("lunarlander-ppo")
        >>> recording = rltools.record(policy, episodes=3)
        >>> recording = rltools.explain(recording, policy, method="integrated_gradients", references=8)
        >>> axes = rltools.plots.timeline(recording)
        >>> axes.get_xlabel()
        'step'
    """
    from matplotlib.ticker import MaxNLocator

    summary = summarize(recording, method=every_step_first(recording, method, target))
    quantity = measure(summary, standardized)
    label_index = strongest_label(summary, label)
    order = _order(summary, features, top)
    number = median_episode(summary.outcomes) if episode is None else episode
    outcome = None if number is None else recording.outcome(number)
    judged = _traces(recording, number, traces)
    name = textwrap.fill(score_words(summary.labels[label_index]), 20)
    labels = labels_of(summary, order)
    axes, width = canvas(
        axes,
        1.6 + 0.62 * (max(len(order), 2) + len(judged)),
        _side_inches([*labels, *judged, name], recording.header),
        _DATA,
    )
    axes.set_xlabel("step")
    axes.set_yticks([])
    keep_spines(axes, "bottom")
    every = recording.spec(summary.key).every
    notes = (
        _episode_note(summary, outcome),
        plain(summary.apart, 60),
        label_note(summary, label),
        f"1 of {every} steps explained, and held until the next" if every > 1 else "",
    )
    median = ", in the episode of median return" if episode is None else ""
    heading(axes, width, f"What mattered when{median}", *notes)
    if number is None or outcome is None or outcome.steps == 0:
        axes.set_ylabel(f"{quantity.name} of {name}", parse_math=False)
        draw_no_steps(axes)
        return axes
    steps = episode_steps(recording, summary.key, number, label=label_index, scale=quantity.scale)
    axes.set_xlim(-0.5, outcome.steps - 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(most_ticks(width, 8), integer=True, steps=[1, 2, 5, 10]))
    link_span(axes, number, outcome.steps)
    _draw_panels(axes, steps, list(zip(labels, order, strict=True)), recording.header, (name, quantity), judged)
    when = [f"at step {step}" for step in range(outcome.steps)]
    tell(axes, largest_text(steps.attributions[:, order].T, labels, when, "attribution"))
    return axes


def _draw_panels(
    axes: Axes,
    steps: EpisodeSteps,
    rows: list[tuple[str, int]],
    header: Header,
    quantity: tuple[str, Measure],
    judged: Mapping[str, np.ndarray],
) -> None:
    """Draw all panels.

    Args:
        axes: axes into which they are inset.
        steps: the episode.
        rows: labels and positions of features.
        header: the header of the recording.
        quantity: the name of the score, and what the colors are.
        judged: the traces `[step]` by their labels.
    """
    discrete = header.action_start is not None
    above = _panel_extents([1.2, *([1.0] * len(judged)), 0.3 if discrete else 1.0, *([1.0] * len(rows))])
    for extent, (name, values) in zip(above, {quantity[0]: steps.scores, **judged}.items(), strict=False):
        score_panel(axes, extent, values, name)
    extents = above[len(judged) :]
    action_panel(axes, extents[1], steps.actions, header.action_names, header.action_start)
    largest = color_limit(steps.attributions[:, [position for _, position in rows]])
    for extent, (label, position) in zip(extents[2:], rows, strict=True):
        panel = feature_panel(axes, extent, label)
        draw_feature(panel, steps.values[:, position], steps.attributions[:, position], largest)
    named = len(np.unique(steps.actions)) if discrete else min(MAX_ACTIONS, len(header.action_names)) + 1
    low, high = extents[-1][0], extents[2][0] + extents[2][1]
    high = max(min(high, below_legend(axes, min(named, MAX_ACTIONS + 1))), low + 0.1)
    signed_bar(axes, (low, high - low), largest, quantity[1])


def _traces(recording: Recording, number: int | None, names: Sequence[Trace]) -> dict[str, np.ndarray]:
    """The traces `[step]` of an episode by their labels; none without an episode.

    Raises:
        ArgumentError: a name is none of a trace.
        RecordingError: the episode has no such trace.
    """
    if unknown := [name for name in names if name not in get_args(Trace)]:
        raise ArgumentError(f"traces has {unknown[0]!r}; it may have {', '.join(get_args(Trace))}")
    if not names or number is None:
        return {}
    episode, header = recording.episode(number), recording.header
    estimated = episode_advantages(episode, header)
    existing = {
        "value": None if episode.values is None else episode.values[:-1],
        "advantage": None if estimated is None else estimated.values,
        "margin": episode_margins(episode, header),
    }
    labels = {}
    if estimated is not None:
        labels = {
            "value": textwrap.fill(f"value ({estimated.unit})", 20),
            "advantage": f"advantage\n({estimated.method})",
        }
    traces = {}
    for name in names:
        values = existing[name]
        if values is None:
            raise RecordingError(
                f"episode {number} of {recording.directory} has no {name}: margins need discrete actions, the others a "
                f"critic or a Q-network; leave it out, or record anew if an older version of rltools recorded it"
            )
        traces[labels.get(name, name)] = values
    return traces


def _side_inches(labels: list[str], header: Header) -> float:
    """Inches for the labels on the left, and for the legend of actions or the color bar on the right."""
    legend = 0.5 + inches(action_labels(header.action_names), points=8.3)
    return 0.8 + inches(labels, points=8.3) + max(1.2, legend)


def _order(summary: Summary, features: Sequence[str] | None, top: int) -> list[int]:
    if features is None:
        return [ranked.position for ranked in summary.top(top)]
    return [summary.position(name) for name in features]


def _episode_note(summary: Summary, outcome: Outcome | None) -> str:
    if outcome is None:
        return f"{plain(summary.policy, 40)}: n = 0 steps"
    return (
        f"{plain(summary.policy, 40)}, episode {outcome.number}: return "
        f"{outcome.total_reward:.4g}, {ending_words(outcome)}"
    )


def _panel_extents(heights: list[float], gap: float = 0.22) -> list[tuple[float, float]]:
    """Bottom and height of panels below one another, as fractions of the axes."""
    total = sum(heights) + gap * len(heights)
    tops = 1 - (np.cumsum([0.0, *heights[:-1]]) + gap * np.arange(len(heights))) / total
    return [(float(top - height / total), height / total) for top, height in zip(tops, heights, strict=True)]
