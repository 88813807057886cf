"""How the value of a feature and its attribution go together, a dot for each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rltools.plots.drawing.colors import GRAY, PALE, value_colors
from rltools.plots.drawing.labels import feature_labels, inches, plain, y_labels
from rltools.plots.drawing.legends import color_bar
from rltools.plots.drawing.style import (
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
    x_label,
)
from rltools.summary import explained_points, stride_for, summarize

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.recording import Recording

TOP = 10
DOTS = 2000
"""At most so many for a feature."""
_BINS = 120


def beeswarm(
    recording: Recording,
    *,
    axes: Axes | None = None,
    method: str | None = None,
    target: str | None = None,
    label: str | None = None,
    standardized: bool | None = None,
    top: int | None = TOP,
) -> Axes:
    """Signed attributions of the features that matter most, one dot a step, colored by the feature's value.

    Args:
        recording: with at least one attribution.
        axes: where to draw; a new figure by default.
        method: which, where several were recorded.
        target: as text, likewise.
        label: which scalar of a target that has several; by default the one with the largest attributions.
        standardized: multiply gradients by the standard deviation of their feature; by default where that applies.
        top: how many features; None for all.

    Raises:
        RecordingError: nothing that fits was explained.
        ArgumentError: no such label; standardized values of a method whose values are in units of the score already.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> recording = rltools.explain(recording, policy)
        >>> axes = rltools.plots.beeswarm(recording)
        >>> axes.get_xlabel()
        'gradient × std of centered:chosen (score)'
    """
    summary = summarize(recording, method=method, target=target)
    shown = measure(summary, standardized)
    at_label = strongest_label(summary, label)
    stride = stride_for(summary.n, DOTS)
    key = summary.key
    sample = explained_points(recording, key, label=at_label, stride=stride, scale=shown.scale)
    order = [found.position for found in summary.top(top)]
    labels = feature_labels([summary.features[at] for at in order], [summary.units[at] for at in order])
    axes, width = canvas(axes, 1.7 + 0.36 * max(len(order), 3), 1.2 + inches(labels))
    x_label(axes, width, f"{shown.name} of {plain(summary.labels[at_label], 30)} ({shown.unit})")
    frameless(axes, "bottom")
    drawn = f"{len(sample.values):,} evenly spread steps drawn" if stride > 1 else ""
    which = (label_note(summary, label), some_of(len(order), len(summary.features)), drawn)
    heading(axes, width, "How each feature moves the score", *about(summary), *which)
    if len(sample.values) == 0:
        say_nothing_there(axes)
        return axes
    axes.axvline(0, color=GRAY, linewidth=0.8, zorder=1)
    axes.hlines(range(len(order)), 0, 1, transform=axes.get_yaxis_transform(), color=PALE, linewidth=0.6, zorder=0)
    span = np.ptp(sample.attributions[:, order]) or 1.0
    for row, at in enumerate(order):
        _swarm(axes, row, sample.attributions[:, at], sample.values[:, at], span)
        feature_mark(axes, row, at)
    y_labels(axes, labels)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, pad=8)
    color_bar(axes, value_colors(), (0, 1), "value of the feature", ("low", "high"))
    return axes


def _swarm(axes: Axes, row: int, attributions: np.ndarray, values: np.ndarray, span: float) -> None:
    low, high = np.percentile(values, [5, 95])
    if high <= low:  # one of many choices is 1 at few steps, and these are what is asked for
        low, high = values.min(), values.max()
    colors = np.clip((values - low) / (high - low), 0, 1) if high > low else np.full(len(values), 0.5)
    axes.scatter(
        attributions,
        row + _offsets(attributions, span),
        c=colors,
        cmap=value_colors(),
        vmin=0,
        vmax=1,
        s=5,
        linewidths=0,
        zorder=2,
        rasterized=True,
    )


def _offsets(attributions: np.ndarray, span: float) -> np.ndarray:
    """Dots of about the same attribution spread to both sides, to 0.4 of a row where they are most crowded.

    The width grows with the root of their number, so that a crowd at zero leaves the tails a shape.
    """
    bins = np.floor((attributions - attributions.min()) / span * _BINS).astype(np.int64)
    order = np.argsort(bins, kind="stable")
    counts = np.bincount(bins)
    place = np.empty(len(bins))
    place[order] = np.arange(len(bins)) - np.searchsorted(bins[order], bins[order], side="left")
    width = np.minimum(0.4 * np.sqrt(counts / counts.max()), 0.025 * (counts - 1))
    offsets: np.ndarray = width[bins] * (2 * (place + 0.5) / counts[bins] - 1)
    return offsets
