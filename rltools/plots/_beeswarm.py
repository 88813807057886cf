"""Attributions of all steps by feature, colored by the value of the feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rltools._util.text import is_multiple, number
from rltools.plots.drawing.alt import rows_text, tell
from rltools.plots.drawing.colors import theme_color, value_colors
from rltools.plots.drawing.labels import fixed, inches, plain, set_y_labels
from rltools.plots.drawing.plot_info import Chapter, plot
from rltools.plots.drawing.quantities import effect_words
from rltools.plots.drawing.steps import link_dots, link_rows
from rltools.plots.drawing.style import (
    canvas,
    describe,
    draw_no_steps,
    heading,
    keep_spines,
    label_note,
    labels_of,
    measure,
    set_x_label,
    strongest_label,
    top_note,
)
from rltools.summary import explained_points, stride_for, summarize
from rltools.targets.scores import target_noun

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.recording import Recording
    from rltools.summary import Points

TOP = 10
MAX_DOTS = 300
"""The most dots per feature."""
_BINS = 120
_GRADIENT_INCHES = 0.3
"""The width of the colors beside a row."""
_GRADIENT_STEPS = 12
_UNIT_CHARACTERS = 14
"""Longer units, and multiples of a unit, are left out beside a row."""


@plot(
    chapter=Chapter.FEATURES,
    caption="Each dot is one step: to the right the feature raised the explained score, to the left it lowered it. The "
    "color is the feature's value at that step, between the numbers beside the row.",
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
        >>> recording = rltools.explain(recording, policy, method="integrated_gradients", references=8)
        >>> axes = rltools.plots.beeswarm(recording)
        >>> " ".join(axes.get_xlabel().split())
        'integrated gradients of the score of the action taken (centered)'
    """
    summary = summarize(recording, method=method, target=target)
    quantity = measure(summary, standardized)
    label_index = strongest_label(summary, label)
    stride = stride_for(summary.n, MAX_DOTS)
    key = summary.key
    sample = explained_points(recording, key, label=label_index, stride=stride, scale=quantity.scale)
    order = [ranked.position for ranked in summary.top(top)]
    labels = labels_of(summary, order, units=False)
    ranges = [_Range.spanning(sample.values[:, position], summary.units[position]) for position in order]
    low_inches, high_inches = (inches(texts, points=8.3) for texts in _ends(ranges))
    beside = 0.3 + low_inches + _GRADIENT_INCHES + high_inches
    axes, width = canvas(axes, 1.55 + 0.36 * max(len(order), 3), 0.4 + inches(labels) + beside)
    set_x_label(axes, width, effect_words(quantity, summary.labels[label_index]))
    keep_spines(axes, "bottom")
    sampled_note = f"{len(sample.values):,} evenly spread steps drawn" if stride > 1 else ""
    notes = (label_note(summary, label), top_note(len(order), len(summary.features)), sampled_note)
    title = f"How each feature moves the {target_noun(summary.labels[label_index])}"
    heading(axes, width, title, *describe(summary), *notes)
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
    for row, (position, values) in enumerate(zip(order, ranges, strict=True)):
        _swarm(axes, row, sample, position, values, span)
    set_y_labels(axes, labels)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, pad=6)
    _draw_ranges(axes, ranges, low_inches)
    ends = [np.percentile(sample.attributions[:, position], [5, 95]) for position in order]
    tell(
        axes,
        rows_text(labels, [f"{number(low, 2)} to {number(high, 2)}" for low, high in ends]) + " at nine of ten steps",
    )
    link_rows(axes, [summary.features[position] for position in order])
    return axes


@dataclass(frozen=True)
class _Range:
    """The values of a feature between which its colors change, as numbers and as texts."""

    low: float
    high: float
    texts: tuple[str, str]

    @classmethod
    def spanning(cls, values: np.ndarray, unit: str) -> _Range:
        """From the 5th to the 95th percentile; all values of a feature that is nearly always the same."""
        if not len(values):
            return cls(0.0, 0.0, ("", ""))
        low, high = (float(end) for end in np.percentile(values, [5, 95]))
        if high <= low:  # a one-hot element is 1 at few steps, which must not be cut off
            low, high = float(values.min()), float(values.max())
        scale, digits = max(abs(low), abs(high)), 0 if low.is_integer() and high.is_integer() else 1
        low_text, high_text = (fixed(end, scale, digits) for end in (low, high))
        short = "" if is_multiple(unit) or len(unit) > _UNIT_CHARACTERS else plain(unit)
        return cls(low, high, (low_text, f"{high_text} {short}".rstrip()))

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """Values as parts of the range, 0 to 1."""
        if self.high <= self.low:
            return np.full(len(values), 0.5)
        return np.clip((values - self.low) / (self.high - self.low), 0, 1)


def _ends(ranges: Sequence[_Range]) -> tuple[list[str], list[str]]:
    return [each.texts[0] for each in ranges], [each.texts[1] for each in ranges]


def _draw_ranges(axes: Axes, ranges: Sequence[_Range], low_inches: float) -> None:
    """Draw the colors of the values of each feature beside its row, between the numbers at their ends."""
    from matplotlib.transforms import ScaledTranslation

    figure = axes.get_figure(root=True)
    if figure is None:
        return
    start, step = 0.15 + low_inches, _GRADIENT_INCHES / _GRADIENT_STEPS
    rows = np.arange(len(ranges))
    cell = [(-1, -4), (1, -4), (1, 4), (-1, 4)]
    for index in range(_GRADIENT_STEPS):
        part = index / (_GRADIENT_STEPS - 1)
        beside = axes.get_yaxis_transform() + ScaledTranslation(start + (index + 0.5) * step, 0, figure.dpi_scale_trans)
        colors = value_colors()([part if each.high > each.low else 0.5 for each in ranges])
        axes.scatter(
            np.ones(len(rows)), rows, s=(4 * 72 * step) ** 2, c=colors, marker=cell, linewidths=0,
            transform=beside, clip_on=False,
        )  # fmt: skip
    for row, each in enumerate(ranges):
        for text, place, side in (
            (each.texts[0], start - 0.05, "right"),
            (each.texts[1], start + _GRADIENT_INCHES + 0.05, "left"),
        ):
            axes.annotate(
                text, (1, row), xycoords=axes.get_yaxis_transform(), xytext=(72 * place, 0),
                textcoords="offset points", ha=side, va="center_baseline", fontsize="small", color=theme_color("muted"),
                parse_math=False, annotation_clip=False,
            )  # fmt: skip


def _swarm(axes: Axes, row: int, sample: Points, position: int, values: _Range, span: float) -> None:
    attributions = sample.attributions[:, position]
    dots = axes.scatter(
        attributions,
        row + _offsets(attributions, span),
        c=values.scaled(sample.values[:, position]),
        cmap=value_colors(),
        vmin=0,
        vmax=1,
        s=9,
        linewidths=0,
        zorder=2,
    )
    link_dots(dots, sample.numbers, sample.steps)


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
