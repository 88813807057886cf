"""One step: how each feature pushed the decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rltools.plots.drawing.colors import GRAY, INK, signed_colors
from rltools.plots.drawing.labels import feature_labels, inches, number, plain, y_labels
from rltools.plots.drawing.style import (
    about,
    canvas,
    feature_mark,
    frameless,
    heading,
    label_note,
    measure,
    say_nothing_there,
    strongest_label,
    x_label,
)
from rltools.summary import contrast_key, decision_at, summarize

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.recording import Recording
    from rltools.summary import Decision, Summary

TOP = 8
_SMALLEST_REST = 0.002
"""A residual of less than this part of what all features push is no bar of its own."""


def decision(
    recording: Recording,
    *,
    axes: Axes | None = None,
    method: str | None = None,
    target: str | None = None,
    label: str | None = None,
    episode: int | None = None,
    step: int | None = None,
    top: int | None = TOP,
) -> Axes:
    """What each feature did to the score at one step: from the references' mean score to that of the step.

    Bars follow one another where the method's values add up to the score; those of others, gradients for instance,
    begin at zero, and the plot says so.

    Args:
        recording: with at least one attribution.
        axes: where to draw; a new figure by default.
        method: which, where several were recorded.
        target: as text; by default one that compares the chosen action with another (`logit:chosen - runner_up`) where
            that was explained.
        label: which scalar of a target that has several; by default the one with the largest attributions.
        episode: its number; by default that of the step.
        step: its place in the episode; by default the one whose attributions have the largest sum, up or down.
        top: how many features; the others are one bar. None for all.

    Raises:
        RecordingError: nothing that fits was explained.
        UnknownNameError: no such episode.
        ArgumentError: no such label, or no such step, or it was not explained.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> recording = rltools.explain(recording, policy, method="shapley")
        >>> axes = rltools.plots.decision(recording, episode=0, step=5)
        >>> axes.get_xlabel()
        'centered:chosen (score)'
    """
    summary = summarize(recording, method=contrast_key(recording, method, target))
    shown = measure(summary, None)
    at_label = strongest_label(summary, label)
    found = decision_at(recording, summary.key, label=at_label, scale=shown.scale, episode=episode, step=step)
    order, rows = ([], []) if found is None else _rows(summary, found, top)
    labels = [row for row, _ in rows]
    axes, width = canvas(
        axes, 1.75 + (0.4 if any("\n" in row for row in labels) else 0.32) * max(len(rows), 3), 0.6 + inches(labels)
    )
    name = plain(summary.labels[at_label], 30)
    x_label(axes, width, f"{name} ({shown.unit})" if _adds_up(found) else f"{shown.name} of {name} ({shown.unit})")
    frameless(axes, "bottom")
    which = () if found is None else _which(found, chosen=step is None, within=episode)
    how = "" if _adds_up(found) or found is None else f"{shown.name} does not add up to the score: bars begin at zero"
    title = f"What pushed {name}" + ("" if found is None else f" at step {found.step}")
    heading(axes, width, title, *about(summary)[:3], *which, f"{shown.name}", how, label_note(summary, label))
    if found is None:
        say_nothing_there(axes)
        return axes
    _bars(axes, [size for _, size in rows], found)
    y_labels(axes, labels)
    for row, at in enumerate(order):
        feature_mark(axes, row, at)
    axes.tick_params(axis="y", length=0, pad=8)
    return axes


def _rows(summary: Summary, found: Decision, top: int | None) -> tuple[list[int], list[tuple[str, float]]]:
    """The features, those that push most on top; a label and a size for each, for the others, and for the rest."""
    order = np.argsort(-np.abs(found.attributions), kind="stable")
    first, others = order[:top].tolist(), [] if top is None else order[top:].tolist()
    values = [f"=\N{NO-BREAK SPACE}{number(found.values[at])}" for at in first]
    units = [f"{value}{_unit(summary.units[at])}" for at, value in zip(first, values, strict=True)]
    labels = feature_labels([summary.features[at] for at in first], units)
    rows = [(_without_brackets(label), float(found.attributions[at])) for at, label in zip(first, labels, strict=True)]
    if others:
        name = f"{len(others)} other feature{'s' if len(others) > 1 else ''}"
        rows.append((name, float(found.attributions[others].sum())))
    if found.residual is not None and abs(found.residual) > _SMALLEST_REST * np.abs(found.attributions).sum():
        rows.append(("left unexplained", found.residual))
    return first, rows


def _unit(unit: str) -> str:
    """With a sign before a unit that is itself a number of others: `0.4 × 5 m/s`."""
    shown = plain(unit, 24)
    parts = ["", *(["×"] if shown[:1].isdigit() else []), shown] if shown else []
    return "\N{NO-BREAK SPACE}".join(parts)


def _without_brackets(label: str) -> str:
    """`x velocity (= 3 m/s)` -> `x velocity = 3 m/s`."""
    before, _, value = label.rpartition("(=")
    return f"{before}={value.removesuffix(')')}" if value else label


def _adds_up(found: Decision | None) -> bool:
    return found is not None and found.baseline is not None


def _which(found: Decision, *, chosen: bool, within: int | None) -> tuple[str, ...]:
    where = f"step {found.step} of episode {found.number} ({found.steps:,} steps)"
    among = "" if within is None else " of the episode"
    why = f"the largest sum of attributions{among}" if chosen else ""
    took = f"took {plain(found.action, 24)}" if found.action else ""
    next_best = f"next best: {plain(found.runner_up, 24)} ({number(found.gap)} lower)" if found.runner_up else ""
    if next_best and found.gap < 0:
        next_best = f"{plain(found.runner_up, 24)} scored {number(-found.gap)} higher"
    return where, why, took, next_best


def _bars(axes: Axes, sizes: list[float], found: Decision) -> None:
    """Those of a method whose values add up one after another, others side by side."""
    begin = found.baseline
    ends = np.array(sizes) if begin is None else begin + np.cumsum(sizes)
    starts = np.zeros(len(sizes)) if begin is None else np.concatenate([[begin], ends[:-1]])
    colors = signed_colors()
    axes.use_sticky_edges = False
    axes.barh(
        range(len(sizes)),
        sizes,
        left=starts,
        height=0.62,
        color=[colors(0.86 if size > 0 else 0.14) for size in sizes],
        zorder=2,
    )
    axes.margins(x=0.16)
    for row, (end, size) in enumerate(zip(ends, sizes, strict=True)):
        _beside(axes, f"{'+' if size > 0 else ''}{number(size)}", end, row, left=size < 0)
    if begin is None:
        axes.axvline(0, color=GRAY, linewidth=0.8, zorder=1)
        axes.set_ylim(len(sizes) - 0.4, -0.6)
        return
    links = [begin, *ends]
    for row, place in enumerate(links):
        axes.vlines(place, max(row - 1.31, -0.95), min(row + 0.31, len(sizes) - 0.05), color=GRAY, linewidth=0.7)
    axes.set_ylim(len(sizes) + 0.4, -1.4)
    _end(axes, begin, -0.95, f"references' mean {number(begin)}")
    _end(axes, found.score, len(sizes) - 0.05, f"this step {number(found.score)}")


def _end(axes: Axes, place: float, row: float, text: str) -> None:
    axes.plot(place, row, "D", color=INK, markersize=3.5)
    low, high = axes.get_xlim()
    _beside(axes, text, place, row, left=place > (low + high) / 2, weight="bold")


def _beside(axes: Axes, text: str, place: float, row: float, *, left: bool, weight: str = "normal") -> None:
    axes.annotate(
        text,
        (place, row),
        xytext=(-5 if left else 5, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center",
        fontsize="small",
        fontweight=weight,
        color=INK,
    )
