"""Attributions of all steps by feature, colored by the value of the feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rltools.plots.drawing.colors import theme_color, value_colors
from rltools.plots.drawing.labels import inches, plain, set_y_labels
from rltools.plots.drawing.legends import color_bar
from rltools.plots.drawing.plot_info import Chapter, plot
from rltools.plots.drawing.style import (
    canvas,
    describe,
    draw_no_steps,
    heading,
    keep_spines,
    label_note,
    labels_of,
    mark_feature,
    measure,
    set_x_label,
    strongest_label,
    top_note,
)
from rltools.summary import explained_points, stride_for, summarize

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.recording import Recording

TOP = 10
MAX_DOTS = 2000
"""The most dots per feature."""
_BINS = 120


@plot(
    chapter=Chapter.FEATURES,
    caption="Each dot is one step: to the right the feature raised the explained score, to the left it lowered it. The "
    "color is the feature's value at that step.",
    order=30,
    shown_when=lambda report: not report.has_images,
)
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
    """Signed attributions of the most important features: a dot for each step, colored by the feature's value.

    Args:
        recording: recording with at least one attribution.
        axes: axes to draw in; by default those of a new figure.
        method: attribution method, if the recording has several.
        target: explained target, for instance "logit:chosen", if the recording has several.
        label: one scalar of a target with several; by default the one with the largest attributions.
        standardized: whether to multiply attributions by the standard deviation of their feature; by default for
            methods whose values are per unit of the feature.
        top: number of features; None for all.

    Raises:
        RecordingError: the recording has no such attribution.
        ArgumentError: there is no such label, or `standardized` is set for a method in units of the score.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("lunarlander-ppo")
        >>> recording = rltools.record(policy, episodes=8)
        >>> recording = rltools.explain(recording, policy, method="integrated_gradients")
        >>> axes = rltools.plots.beeswarm(recording)
        >>> axes.get_xlabel()
        'integrated gradients of centered:chosen (score)'
    """
    summary = summarize(recording, method=method, target=target)
    quantity = measure(summary, standardized)
    label_index = strongest_label(summary, label)
    stride = stride_for(summary.n, MAX_DOTS)
    key = summary.key
    sample = explained_points(recording, key, label=label_index, stride=stride, scale=quantity.scale)
    order = [ranked.position for ranked in summary.top(top)]
    labels = labels_of(summary, order)
    axes, width = canvas(axes, 1.7 + 0.36 * max(len(order), 3), 1.2 + inches(labels))
    set_x_label(axes, width, f"{quantity.name} of {plain(summary.labels[label_index], 30)} ({quantity.unit})")
    keep_spines(axes, "bottom")
    sampled_note = f"{len(sample.values):,} evenly spread steps drawn" if stride > 1 else ""
    notes = (label_note(summary, label), top_note(len(order), len(summary.features)), sampled_note)
    heading(axes, width, "How each feature moves the score", *describe(summary), *notes)
    if len(sample.values) == 0:
        draw_no_steps(axes)
        return axes
    axes.axvline(0, color=theme_color("muted"), linewidth=0.8, zorder=1)
    axes.hlines(
        range(len(order)),
        0,
        1,
        transform=axes.get_yaxis_transform(),
        color=theme_color("line"),
        linewidth=0.6,
        zorder=0,
    )
    span = np.ptp(sample.attributions[:, order]) or 1.0
    for row, position in enumerate(order):
        _swarm(axes, row, sample.attributions[:, position], sample.values[:, position], span)
        mark_feature(axes, row, position)
    set_y_labels(axes, labels)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, pad=8)
    color_bar(axes, value_colors(), (0, 1), "value of the feature", ("low", "high"))
    return axes


def _swarm(axes: Axes, row: int, attributions: np.ndarray, values: np.ndarray, span: float) -> None:
    low, high = np.percentile(values, [5, 95])
    if high <= low:  # a one-hot element is 1 at few steps, which must not be cut off
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
    """Vertical offsets that spread dots with similar attributions, up to 0.4 of a row.

    The width grows with the square root of their number, so that many dots at zero do not flatten the tails.
    """
    bins = np.floor((attributions - attributions.min()) / span * _BINS).astype(np.int64)
    order = np.argsort(bins, kind="stable")
    counts = np.bincount(bins)
    rank = np.empty(len(bins))
    rank[order] = np.arange(len(bins)) - np.searchsorted(bins[order], bins[order], side="left")
    width = np.minimum(0.4 * np.sqrt(counts / counts.max()), 0.025 * (counts - 1))
    offsets: np.ndarray = width[bins] * (2 * (rank + 0.5) / counts[bins] - 1)
    return offsets
