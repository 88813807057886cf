"""Attributions over the steps of many episodes, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rltools._util.text import plural
from rltools.plots.drawing.alt import largest_text, tell
from rltools.plots.drawing.colors import color_limit, theme_color
from rltools.plots.drawing.labels import inches, number
from rltools.plots.drawing.legends import MAX_ACTIONS, below_legend, signed_bar
from rltools.plots.drawing.panels import action_legend, draw_attributions, draw_runs
from rltools.plots.drawing.plot_info import Chapter, plot
from rltools.plots.drawing.quantities import effect_words
from rltools.plots.drawing.steps import link_span
from rltools.plots.drawing.style import (
    DATA_INCHES,
    canvas,
    data_inches,
    describe,
    draw_no_steps,
    heading,
    keep_spines,
    label_note,
    labels_of,
    measure,
    strongest_label,
    top_note,
)
from rltools.summary import episode_steps, spread_outcomes, summarize, uneventful_steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from rltools.recording import Outcome, Recording
    from rltools.summary import EpisodeSteps, Sorting, Uneventful

TOP = 4
MAX_EPISODES = 12
_MOST_COLUMNS = 4
_COLUMNS = 160
"""The width of a map in pixels, about."""
_GAP = 0.16
"""The gap between columns, in inches."""
_BAR = 1.1
"""The least inches of the scale of colors, below the legend of actions."""
_AT_REST = 5
"""How many uneventful steps at the end of an episode are drawn."""
_TITLE, _ROW, _ACTIONS = 0.27, 0.2, 0.75
"""Inches of the title of a map and of a row in it, and the height of the strip of actions as a part of a row."""


@plot(
    chapter=Chapter.EPISODES,
    caption="Whether the same features matter at the same time in every episode: a map of steps and features for each.",
    order=40,
)
def episode_grid(
    recording: Recording,
    *,
    axes: Axes | None = None,
    method: str | None = None,
    target: str | None = None,
    label: str | None = None,
    by: Sorting = "return",
    most: int = MAX_EPISODES,
    standardized: bool | None = None,
    top: int = TOP,
) -> Axes:
    """Attributions of the most important features over the steps of many episodes, one small map for each episode.

    All maps share the color scale and the scale of steps, and have a strip of the actions below; a line is where an
    episode ended.

    Args:
        recording: recording with at least one attribution.
        axes: axes into which all maps are inset; by default those of a new figure.
        method: attribution method, if the recording has several.
        target: explained target, for instance "logit:chosen", if the recording has several.
        label: one scalar of a target with several; by default the one with the largest attributions.
        by: "return" for best to worst, evenly spread if there are more than `most`; or "number" for the first ones.
        most: largest number of episodes.
        standardized: whether to multiply attributions by the standard deviation of their feature; by default for
            methods whose values are per unit of the feature.
        top: number of features.

    Raises:
        RecordingError: the recording has no such attribution.
        ArgumentError: there is no such label or order, or `standardized` is set for a method in units of the score.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("lunarlander-ppo")
        >>> recording = rltools.record(policy, episodes=16)
        >>> recording = rltools.explain(recording, policy, method="integrated_gradients", references=8, every=2)
        >>> axes = rltools.plots.episode_grid(recording)
        >>> axes.get_xlabel()
        'step'
    """
    summary = summarize(recording, method=method, target=target)
    quantity = measure(summary, standardized)
    label_index = strongest_label(summary, label)
    order = [ranked.position for ranked in summary.top(top)]
    labels = labels_of(summary, order, units=False)
    outcomes = summary.outcomes
    outcomes_drawn = spread_outcomes(outcomes, most, by)
    titles = [_title(outcome) for outcome in outcomes_drawn]
    title_width = inches(titles, points=8.3)
    data = 1.45 * DATA_INCHES  # width in a new figure: maps need more than bars
    side = 1.0 + inches(labels, points=8.3)
    room = data_inches(axes, side, data)
    columns = int(np.clip(room // (title_width + _GAP), 1, min(_MOST_COLUMNS, max(len(outcomes_drawn), 1))))
    rows = -(-len(outcomes_drawn) // columns) or 1
    discrete = recording.header.action_start is not None
    map_inches = _ROW * (max(len(order), 2) + _ACTIONS * discrete)
    beside = _BAR + 0.21 * min(len(recording.header.action_names), MAX_ACTIONS + 1) * discrete
    axes, width = canvas(axes, 1.3 + max(rows * (_TITLE + map_inches), beside), side, data)
    axes.set_xlabel("step")
    keep_spines(axes)
    uneventful = uneventful_steps(recording)
    notes = (
        f"{len(outcomes_drawn)} of {len(outcomes)} episodes" if len(outcomes_drawn) < len(outcomes) else "",
        "best return first" if by == "return" else "by number",
        top_note(len(order), len(summary.features)),
        label_note(summary, label),
        *_ending_notes(uneventful, outcomes_drawn),
    )
    heading(
        axes,
        width,
        "What mattered when, episode by episode",
        *describe(summary),
        effect_words(quantity, summary.labels[label_index]),
        *notes,
    )
    if not outcomes_drawn or not summary.n:
        draw_no_steps(axes)
        return axes
    every = [
        episode_steps(recording, summary.key, outcome.number, label=label_index, scale=quantity.scale)
        for outcome in outcomes_drawn
    ]
    attributions = np.concatenate([steps.attributions[:, order] for steps in every])
    largest = color_limit(attributions)
    tell(axes, largest_text(attributions.T, labels, _steps_of(outcomes_drawn), "attribution"))
    lengths = [_last_event(uneventful, outcome) for outcome in outcomes_drawn]
    columns_extent = _cells(columns, _GAP / max(room, _GAP * columns + 1))
    rows_extent = _cells(rows, _TITLE / (_TITLE + map_inches) / rows)
    for position, (outcome, steps, last, title) in enumerate(zip(outcomes_drawn, every, lengths, titles, strict=True)):
        (left, part_x), (below, part_y) = columns_extent[position % columns], rows_extent[position // columns]
        cell = axes.inset_axes((left, 1 - below - part_y, part_x, part_y))
        _draw_cell(cell, steps.attributions[:last, order], outcome, max(lengths), largest)
        if discrete:
            draw_runs(
                cell, steps.actions[:last] - int(recording.header.action_start or 0), (len(order) - 0.4, _ACTIONS)
            )
        cell.set_ylim(len(order) - 0.5 + _ACTIONS * discrete + 0.1, -0.5)
        cell.set_title(title, fontsize="small", loc="left", pad=2, color=theme_color("ink"), parse_math=False)
        cell.set_ylabel("")
        link_span(cell, outcome.number, last)
    tops = [1 - below - part_y for below, part_y in rows_extent]
    _name_rows(axes, tops, rows_extent[0][1], [*labels, *(["action"] if discrete else [])])
    _name_steps(axes, columns_extent, max(lengths))
    if discrete:
        taken = np.concatenate([steps.actions for steps in every]) - int(recording.header.action_start or 0)
        action_legend(axes, taken, recording.header.action_names)
    signed_bar(axes, (0.0, 0.9 * (_below_actions(axes, every) if discrete else 1.0)), largest, quantity)
    return axes


def _steps_of(outcomes: Sequence[Outcome]) -> list[str]:
    return [f"at step {step} of episode {outcome.number}" for outcome in outcomes for step in range(outcome.steps)]


def _last_event(uneventful: Uneventful, outcome: Outcome) -> int:
    """How many steps of an episode are drawn: without the uneventful ones at its end, but for the first few."""
    nothing = uneventful.steps.get(outcome.number, np.zeros(0, bool))
    eventful = np.flatnonzero(~nothing)
    if not len(eventful) or len(nothing) != outcome.steps:
        return outcome.steps
    return min(outcome.steps, int(eventful[-1]) + 1 + _AT_REST)


def _ending_notes(uneventful: Uneventful, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Small print: what stands at the ends of the maps."""
    left_out = sum(outcome.steps - _last_event(uneventful, outcome) for outcome in outcomes)
    ends = {outcome.ended for outcome in outcomes}
    return (
        f"gray: {plural(left_out, 'uneventful step')} at the end" if left_out else "",
        "dotted end: cut short" if ends - {"terminated", "fault"} else "",
        "! fault" if "fault" in ends else "",
    )


def _below_actions(axes: Axes, every: Sequence[EpisodeSteps]) -> float:
    """How high the axes are below the legend of the actions, as a fraction."""
    actions = len(np.unique(np.concatenate([steps.actions for steps in every])))
    return below_legend(axes, min(actions, MAX_ACTIONS + 1))


def _title(outcome: Outcome) -> str:
    fault = " !" if outcome.ended == "fault" else ""
    return f"#{outcome.number}: return {number(outcome.total_reward)}{fault}"


def _draw_cell(cell: Axes, values: np.ndarray, outcome: Outcome, longest: int, largest: float) -> None:
    for row in range(values.shape[1]):
        # Apart, so that features do not run into one another.
        draw_attributions(cell, values[:, [row]], largest, (row + 0.46, row - 0.46), _COLUMNS)
    cell.set_xlim(-0.5, longest - 0.5)
    cell.set_xticks([])
    cell.set_yticks([])
    keep_spines(cell)
    end = len(values) - 0.5
    beyond = min(outcome.steps - len(values), 0.06 * longest)
    if beyond:
        cell.axvspan(end, end + beyond, color=theme_color("line"), linewidth=0, clip_on=False)
    cut = outcome.ended not in ("terminated", "fault")
    cell.axvline(
        end + beyond,
        color=theme_color("ink"),
        linewidth=1.2,
        linestyle=(0, (1, 1.5)) if cut else "-",
        clip_on=False,
    )


def _cells(count: int, gap: float) -> list[tuple[float, float]]:
    """Start and size of each of `count` cells, with a gap before each, as fractions of the axes."""
    size = 1 / count - gap
    return [(position / count + gap, size) for position in range(count)]


def _name_rows(axes: Axes, bottoms: list[float], height: float, labels: list[str]) -> None:
    """Write the names of the features, and of the actions, beside the first map of each row."""
    axes.set_ylim(0, 1)
    whole = len(labels) - (labels[-1] == "action") * (1 - _ACTIONS) + 0.1
    ticks = [
        bottom + height * (1 - (position + (0.5 if label != "action" else 0.1 + _ACTIONS / 2)) / whole)
        for bottom in bottoms
        for position, label in enumerate(labels)
    ]
    axes.set_yticks(ticks, labels=labels * len(bottoms), parse_math=False, fontsize="small")
    axes.tick_params(axis="y", length=0, pad=2)


def _name_steps(axes: Axes, columns_extent: list[tuple[float, float]], longest: int) -> None:
    """Write the first and the last step below each column."""
    axes.set_xlim(0, 1)
    scale = longest
    last = longest - 1
    ticks = [(left + part * (step + 0.5) / scale, step) for left, part in columns_extent for step in sorted({0, last})]
    axes.set_xticks([x for x, _ in ticks], labels=[f"{step:,}" for _, step in ticks], fontsize="small")
    for label, (_, step) in zip(axes.get_xticklabels(), ticks, strict=True):
        label.set_horizontalalignment("center" if last == 0 else "left" if step == 0 else "right")
    axes.tick_params(axis="x", length=2, color=theme_color("muted"))
