"""Importance of features, as bars or as dots side by side, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rltools._util.glossary import TERMS
from rltools.plots.drawing.colors import feature_color, theme_color
from rltools.plots.drawing.labels import feature_labels, inches, plain, set_y_labels
from rltools.plots.drawing.legends import legend_beside
from rltools.plots.drawing.plot_info import Chapter, ReportData, plot
from rltools.plots.drawing.several import Recordings, recordings_by_label
from rltools.plots.drawing.style import (
    canvas,
    describe,
    draw_no_steps,
    heading,
    interval_note,
    keep_spines,
    measure,
    set_x_label,
    top_note,
)
from rltools.recording import warn_about_shared_episodes
from rltools.summary import Interval, Summary, is_control, summarize

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOP = 10
_MARKERS = "osD^vPX*"
Series = dict[str, Summary]


def _caption(report: ReportData) -> str:
    """How to read the bars, and what their intervals cover."""
    overall = report.main.overall
    text = "How much of what moves the score each feature makes up, over all explained steps."
    if not np.isfinite(overall.importance.low).any():
        return f"{text} There are too few episodes for intervals."
    draws = " and the draw of what they are compared with" if overall.draws else ""
    return f"{text} The lines are {100 * report.main.level:.0f} % {TERMS['interval'].name}s over episodes{draws}."


@plot(chapter=Chapter.FEATURES, caption=_caption, order=20, shown_when=lambda report: True)
def importance(
    recording: Recordings,
    *,
    axes: Axes | None = None,
    method: str | Sequence[str] | None = None,
    target: str | None = None,
    standardized: bool | None = None,
    top: int | None = TOP,
    level: float = 0.95,
) -> Axes:
    r"""Share of each feature in the total importance, sorted, with intervals.

    Args:
        recording: a recording, or those of several agents as a list or a mapping from labels.
        axes: axes to draw in; by default those of a new figure.
        method: one or several methods, which are drawn side by side.
        target: explained target, if the recording has several; its scalars are pooled.
        standardized: whether to multiply attributions by the standard deviation of their feature; by default for
            methods whose values are per unit of the feature.
        top: number of features; None for all.
        level: confidence level of the intervals.

    Raises:
        RecordingError: the recording has no such attribution.
        ArgumentError: `standardized` is set for a method in units of the score; there is no recording, or something
            that is not one.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("lunarlander-ppo")
        >>> recording = rltools.record(policy, episodes=8)
        >>> methods = ["gradient", "integrated_gradients", "random"]
        >>> for method in methods:
        ...     recording = rltools.explain(recording, policy, method=method)
        >>> axes = rltools.plots.importance(recording, method=methods)
        >>> axes.get_xlabel()
        'share of mean attribution of centered:chosen\xa0(%)'
    """
    series = _series(recording, method, target, standardized, level)
    names = list(dict.fromkeys(name for summary in series.values() for name in summary.features))
    shares = {label: _by_name(summary, names, standardized) for label, summary in series.items()}
    values = np.stack([share.value for share in shares.values()])
    controls = [is_control(summary.unit) for summary in series.values()]
    ranked_shares = values if all(controls) else values[~np.array(controls)]
    is_finite = np.isfinite(ranked_shares)
    means = np.where(is_finite, ranked_shares, 0).sum(axis=0) / np.maximum(is_finite.sum(axis=0), 1)
    order = [int(position) for position in np.argsort(-means, kind="stable")[:top]]
    units = {
        name: unit for summary in series.values() for name, unit in zip(summary.features, summary.units, strict=True)
    }
    labels = feature_labels([names[position] for position in order], [units[names[position]] for position in order])
    height = 1.5 + 0.32 * len(order) * (1 + 0.25 * (len(series) - 1))
    beside = 0.4 + inches(list(series)) if len(series) > 1 else 0.0
    axes, width = canvas(axes, height, 0.4 + inches(labels) + beside)
    set_x_label(axes, width, _x_label(series, standardized))
    keep_spines(axes, "bottom", "left")
    agents = len(recordings_by_label(recording))
    low = np.concatenate([share.low[order] for share in shares.values()])
    episodes = max(summary.overall.episodes for summary in series.values())
    notes = (interval_note(low, episodes, level), top_note(len(order), len(names)))
    heading(axes, width, *_heading(series, standardized, agents), *notes)
    if not any(summary.n for summary in series.values()):
        draw_no_steps(axes)
        return axes
    if len(series) == 1:
        _draw_bars(axes, next(iter(shares.values())), order)
    else:
        _draw_dots(axes, shares, order, controls)
    set_y_labels(axes, labels)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set_xlim(0, max(axes.get_xlim()[1], 1))
    axes.tick_params(axis="y", length=0)
    return axes


def _series(
    recording: Recordings,
    method: str | Sequence[str] | None,
    target: str | None,
    standardized: bool | None,
    level: float,
) -> Series:
    recordings = {str(label): member for label, member in recordings_by_label(recording).items()}
    warn_about_shared_episodes(recordings)
    methods = [method] if method is None or isinstance(method, str) else list(method)
    series = {}
    for label, member in recordings.items():
        for name in methods:
            summary = summarize(member, method=name, target=target, level=level)
            method_label = _method_label(summary, standardized) if len(methods) > 1 else ""
            series[", ".join(filter(None, (label, method_label)))] = summary
    return series


def _method_label(summary: Summary, standardized: bool | None) -> str:
    control = f" ({TERMS['control'].name})" if is_control(summary.unit) else ""
    apart = f" ({plain(summary.apart, 60)})" if summary.apart else ""
    return f"{measure(summary, standardized).name}{control}{apart}"


def _by_name(summary: Summary, names: list[str], standardized: bool | None) -> Interval:
    """Shares in percent `[name]`; NaN for a feature that the agent does not have."""
    statistics = summary.overall
    raw = measure(summary, standardized).scale is None
    share = statistics.pooled_share if raw else statistics.importance
    columns = np.array([summary.features.index(name) if name in summary.features else -1 for name in names])
    picked = (np.where(columns < 0, np.nan, 100 * part[columns]) for part in (share.value, share.low, share.high))
    return Interval(*picked)


def _draw_bars(axes: Axes, share: Interval, order: list[int]) -> None:
    rows = np.arange(len(order))
    axes.barh(
        rows, np.nan_to_num(share.value[order]), height=0.7, color=[feature_color(position) for position in order]
    )
    _draw_intervals(axes, share, order, rows)
    for row, position in zip(rows, order, strict=True):
        value = share.value[position]
        end = np.nanmax([value, share.high[position], 0.0])
        text = "0/0" if np.isnan(value) else f"{value:.2g} %" if value < 10 else f"{value:.0f} %"
        axes.annotate(
            text,
            (end, row),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize="small",
            color=theme_color("ink"),
        )
    axes.margins(x=0.12)


def _draw_dots(axes: Axes, shares: dict[str, Interval], order: list[int], controls: list[bool]) -> None:
    """Draw the markers of each series in its own lane; markers of controls are hollow."""
    from matplotlib.lines import Line2D

    lanes = np.linspace(-0.5, 0.5, len(shares)) * min(0.65, 0.3 * (len(shares) - 1))
    markers = [_MARKERS[index % len(_MARKERS)] for index in range(len(shares))]
    rows = np.arange(len(order))
    axes.hlines(rows[1:] - 0.5, 0, 1, transform=axes.get_yaxis_transform(), color=theme_color("line"), linewidth=0.6)
    for lane, share, marker, control in zip(lanes, shares.values(), markers, controls, strict=True):
        _draw_intervals(axes, share, order, rows + lane)
        for row, position in zip(rows, order, strict=True):
            color = feature_color(position)
            fill = theme_color("paper") if control else color
            axes.plot(
                share.value[position], row + lane, marker, color=color, markerfacecolor=fill, markersize=5, zorder=3
            )
    handles = [
        Line2D(
            [],
            [],
            linestyle="",
            marker=marker,
            color=theme_color("muted"),
            markerfacecolor=theme_color("paper") if control else theme_color("muted"),
        )
        for marker, control in zip(markers, controls, strict=True)
    ]
    legend_beside(axes, handles, [plain(label, 40) for label in shares])


def _draw_intervals(axes: Axes, share: Interval, order: list[int], rows: np.ndarray) -> None:
    axes.hlines(rows, share.low[order], share.high[order], color=theme_color("ink"), linewidth=1.2, zorder=2)


def _x_label(series: Series, standardized: bool | None) -> str:
    measures = list(dict.fromkeys(measure(summary, standardized).name for summary in series.values()))
    targets = list(dict.fromkeys(plain(summary.target, 30) for summary in series.values()))
    quantity_name = f"|{measures[0]}|" if len(measures) == 1 else TERMS["attribution"].name
    return f"{TERMS['share_of_mean'].name.format(quantity_name)} of {' and '.join(targets)}\N{NO-BREAK SPACE}(%)"


def _heading(series: Series, standardized: bool | None, agents: int) -> tuple[str, ...]:
    """Title, and the small print on the data."""
    first = next(iter(series.values()))
    pooled = f"over {len(first.labels)} targets" if len(first.labels) > 1 else ""
    if len(series) == 1:
        return "What the agent looks at", *describe(first), pooled
    methods = " and ".join(dict.fromkeys(_method_label(summary, standardized) for summary in series.values()))
    counts = sorted({summary.n for summary in series.values()})
    steps = " to ".join(f"{count:,}" for count in dict.fromkeys((counts[0], counts[-1])))
    title, source = "What the agent looks at", describe(first)[:2]
    if agents > 1:
        title, source = "What the agents look at", (f"{agents} agents",)
    return title, *source, methods, f"n = {steps} steps", pooled
