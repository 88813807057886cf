"""Many episodes beside each other: when which feature mattered in each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rltools.plots.drawing.colors import GRAY, INK, color_limit, signed_colors
from rltools.plots.drawing.labels import feature_labels, inches, number, plain
from rltools.plots.drawing.legends import signed_bar
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
)
from rltools.summary import episode_steps, spread_outcomes, summarize

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.recording import Outcome, Recording
    from rltools.summary import Sorting

TOP = 4
MOST = 12
_MOST_COLUMNS = 4
_GAP = 0.16
"""Between columns, in inches."""
_ENDINGS = {"terminated": "x", "truncated": "|", "limit": "|", "fault": "$!$"}


def episode_grid(
    recording: Recording,
    *,
    axes: Axes | None = None,
    method: str | None = None,
    target: str | None = None,
    label: str | None = None,
    by: Sorting = "return",
    most: int = MOST,
    standardized: bool | None = None,
    top: int = TOP,
) -> Axes:
    """The attributions of the features that matter most over the steps of many episodes, one small map each.

    All maps share their colors and their scale of steps; a mark stands where an episode ended.

    Args:
        recording: with at least one attribution.
        axes: where to draw, all maps within its place; a new figure by default.
        method: which, where several were recorded.
        target: as text, likewise.
        label: which scalar of a target that has several; by default the one with the largest attributions.
        by: "return", from the best to the worst and, of more than `most`, evenly spread; or "number", the first ones.
        most: how many episodes.
        standardized: multiply gradients by the standard deviation of their feature; by default where that applies.
        top: how many features.

    Raises:
        RecordingError: nothing that fits was explained.
        ArgumentError: no such label, or another order; standardized values of a method whose values are in units of
            the score already.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> recording = rltools.explain(recording, policy)
        >>> axes = rltools.plots.episode_grid(recording)
        >>> axes.get_xlabel()
        'step'
    """
    summary = summarize(recording, method=method, target=target)
    shown = measure(summary, standardized)
    at_label = strongest_label(summary, label)
    order = [found.position for found in summary.top(top)]
    labels = feature_labels([summary.features[at] for at in order], [""] * len(order))
    outcomes = summary.outcomes
    drawn = spread_outcomes(outcomes, most, by)
    titles = [_title(outcome) for outcome in drawn]
    own, wide = axes is None, inches(titles, points=7)
    data = 1.45 * DATA_INCHES  # of a new figure: maps need more room than bars
    room = data if own else canvas(axes, 1, 1)[1]
    columns = int(np.clip(room // (wide + _GAP), 1, min(_MOST_COLUMNS, max(len(drawn), 1))))
    rows = -(-len(drawn) // columns) or 1
    height = 1.3 + rows * (0.25 + 0.22 * max(len(order), 2))
    axes, width = canvas(axes, height, 1.0 + inches(labels, points=8.3) + (data - DATA_INCHES))
    width = data if own else width
    name = plain(summary.labels[at_label], 30)
    axes.set_xlabel("step")
    frameless(axes)
    which = f"{len(drawn)} of {len(outcomes)} episodes" if len(drawn) < len(outcomes) else ""
    sorted_by = "best return first" if by == "return" else "in the order of their numbers"
    ends = "ends: × terminated, | cut short" + (", ! fault" if any(o.ended == "fault" for o in drawn) else "")
    notes = (which, sorted_by, some_of(len(order), len(summary.features)), label_note(summary, label), ends)
    colors = f"colors: {shown.name} of {name}"
    heading(axes, width, "What mattered when, episode by episode", *about(summary), colors, *notes)
    if not drawn or not summary.n:
        say_nothing_there(axes)
        return axes
    maps = [
        episode_steps(recording, summary.key, outcome.number, label=at_label, scale=shown.scale).attributions[:, order]
        for outcome in drawn
    ]
    largest = color_limit(np.concatenate(maps))
    longest = max(outcome.steps for outcome in drawn)
    across = _places(columns, _GAP / max(room, _GAP * columns + 1))
    down = _places(rows, 0.25 / (0.25 + 0.22 * max(len(order), 2)) / rows)
    for at, (outcome, values, title) in enumerate(zip(drawn, maps, titles, strict=True)):
        (left, part_x), (below, part_y) = across[at % columns], down[at // columns]
        cell = axes.inset_axes((left, 1 - below - part_y, part_x, part_y))
        _draw_cell(cell, values, outcome, longest, largest)
        cell.set_title(title, fontsize="x-small", loc="left", pad=2, color=INK, parse_math=False)
        cell.set_ylabel("")
    tops = [1 - below - part_y for below, part_y in down]
    _name_rows(axes, tops, down[0][1], order, labels)
    _name_steps(axes, across, longest)
    signed_bar(axes, (0.0, 1.0 if rows < 3 else 0.6), largest, shown.unit)
    return axes


def _title(outcome: Outcome) -> str:
    return f"#{outcome.number}: return {number(outcome.total_reward)}"


def _draw_cell(cell: Axes, values: np.ndarray, outcome: Outcome, longest: int, largest: float) -> None:
    for row, of_feature in enumerate(values.T):
        # One picture each: of more steps than pixels a mean is seen, and not one with the next feature.
        cell.imshow(
            np.ma.masked_invalid(of_feature)[None],
            aspect="auto",
            cmap=signed_colors(),
            vmin=-largest,
            vmax=largest,
            extent=(-0.5, len(values) - 0.5, row + 0.46, row - 0.46),
            interpolation="auto",
            rasterized=True,
        )
    cell.set_ylim(values.shape[1] - 0.5, -0.5)
    cell.set_xlim(-0.5, longest * 1.06)
    cell.set_xticks([])
    cell.set_yticks([])
    frameless(cell)
    middle = (values.shape[1] - 1) / 2
    mark = _ENDINGS.get(outcome.ended, "|")
    cell.plot(len(values) + 0.025 * longest, middle, marker=mark, markersize=4, color=INK, clip_on=False)


def _places(count: int, gap: float) -> list[tuple[float, float]]:
    """Where each of so many begins, and its size, with a gap before each, in parts of the whole."""
    size = 1 / count - gap
    return [(at / count + gap, size) for at in range(count)]


def _name_rows(axes: Axes, bottoms: list[float], height: float, order: list[int], labels: list[str]) -> None:
    """The features beside the first map of each row."""
    axes.set_ylim(0, 1)
    places = [bottom + height * (1 - (at + 0.5) / len(order)) for bottom in bottoms for at in range(len(order))]
    axes.set_yticks(places, labels=labels * len(bottoms), parse_math=False, fontsize="x-small")
    axes.tick_params(axis="y", length=0, pad=5)
    for place, at in zip(places, order * len(bottoms), strict=True):
        feature_mark(axes, place, at)


def _name_steps(axes: Axes, across: list[tuple[float, float]], longest: int) -> None:
    """The first and the last step beneath each column."""
    axes.set_xlim(0, 1)
    scale = longest * 1.06 + 0.5
    last = longest - 1
    ticks = [(left + part * (step + 0.5) / scale, step) for left, part in across for step in sorted({0, last})]
    axes.set_xticks([place for place, _ in ticks], labels=[f"{step:,}" for _, step in ticks], fontsize="x-small")
    axes.tick_params(axis="x", length=2, color=GRAY)
