"""Importance of features as bars, those of several methods or agents in lanes of each row, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rltools._util.glossary import TERMS
from rltools._util.text import share_interval
from rltools.plots.drawing.alt import rows_text, tell
from rltools.plots.drawing.bars import draw_episodes, draw_intervals, draw_shares, write_in_bars
from rltools.plots.drawing.colors import theme_color
from rltools.plots.drawing.labels import feature_labels, inches, most_ticks, plain, set_y_labels
from rltools.plots.drawing.plot_info import Chapter, ReportData, plot
from rltools.plots.drawing.quantities import score_words
from rltools.plots.drawing.several import Recordings, recordings_by_label
from rltools.plots.drawing.steps import link_dots, link_rows
from rltools.plots.drawing.style import (
    canvas,
    describe,
    draw_no_steps,
    heading,
    interval_note,
    keep_spines,
    measure,
    set_x_label,
    strongest_label,
    top_note,
)
from rltools.recording import Recording, warn_about_shared_episodes
from rltools.summary import (
    RANDOM,
    RANDOM_MAPS,
    Interval,
    Summary,
    extreme_steps,
    is_control,
    random_shares,
    summarize,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import Rectangle

TOP = 10
_ROW, _LANE = 0.32, 0.2
"""Inches of a row with a single bar, and of each lane of a row with several."""


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
    features: Sequence[str] | None = None,
    top: int | None = TOP,
    level: float = 0.95,
) -> Axes:
    r"""Share of each feature in the total importance, sorted, with intervals.

    With fewer than five episodes, dots for the episodes stand in place of an interval.

    Args:
        recording: a recording, or those of several agents as a list or a mapping from labels.
        axes: axes to draw in; by default those of a new figure.
        method: one or several methods, each in its own lane of a row. For the control `random` a band shows what
            random maps give.
        target: explained target, if the recording has several; its scalars are pooled.
        standardized: whether to multiply attributions by the standard deviation of their feature; by default for
            methods whose values are per unit of the feature.
        features: names of features, in this order, so that several plots have the same; by default sorted.
        top: number of features, unless `features` names them; None for all.
        level: confidence level of the intervals.

    Raises:
        RecordingError: the recording has no such attribution.
        UnknownNameError: there is no such feature.
        ArgumentError: `standardized` is set for a method in units of the score; there is no recording, or something
            that is not one.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("lunarlander-ppo")
        >>> recording = rltools.record(policy, episodes=8)
        >>> methods = ["gradient", "integrated_gradients", "random"]
        >>> for method in methods:
        ...     recording = rltools.explain(recording, policy, method=method, references=8)
        >>> axes = rltools.plots.importance(recording, method=methods)
        >>> axes.get_xlabel()
        'share of mean |attribution|\xa0(%)'
    """
    from matplotlib.ticker import MaxNLocator

    series = _series(recording, method, target, standardized, level)
    bands = _bands(series, level)
    drawn = {label: each for label, each in series.items() if label not in bands}
    names = list(dict.fromkeys(name for each in drawn.values() for name in each.summary.features))
    shares = {label: _by_name(each.summary, names, standardized) for label, each in drawn.items()}
    order = _order(drawn, shares, names, features, top)
    labels = feature_labels([names[position] for position in order], [""] * len(order))
    several = len(drawn) > 1
    lane_labels = [plain(label, 60) for label in shares] if several else []
    height = 1.3 + len(order) * max(_ROW, _LANE * len(drawn) + 0.1 * several)
    beside = 0.3 + inches(lane_labels, points=8.3) if several else 0.1
    axes, width = canvas(axes, height, 0.4 + inches(labels) + beside)
    set_x_label(axes, width, _x_label(drawn, standardized))
    keep_spines(axes, "bottom")
    agents = len(recordings_by_label(recording))
    low = np.concatenate([share.low[order] for share in shares.values()])
    episodes = max(each.summary.overall.episodes for each in series.values())
    band_note = f"gray band: {100 * level:g} % of {RANDOM_MAPS} random maps" if bands else ""
    dots_note = (
        "dots: episodes" if all(len(each.summary.overall.each_importance) > 1 for each in drawn.values()) else ""
    )
    notes = (dots_note or interval_note(low, episodes, level), top_note(len(order), len(names)), band_note)
    heading(axes, width, *_heading(drawn, standardized, agents), *notes)
    if not any(each.summary.n for each in drawn.values()):
        draw_no_steps(axes)
        return axes
    lanes = (np.arange(len(drawn)) - (len(drawn) - 1) / 2) * (0.8 / len(drawn))
    ends = [np.concatenate([share.value[order], share.high[order]]) for share in shares.values()]
    dots = {label: _dots(each.summary, names, order) for label, each in drawn.items() if dots_note}
    largest = float(np.nanmax(np.concatenate([*ends, *(each.ravel() for each in dots.values()), [1.0]])))
    axes.set_xlim(0, largest * (1 + 0.55 / width))
    axes.set_ylim(len(order) - 0.5, -0.5)
    for lane, (label, each) in zip(lanes, drawn.items(), strict=True):
        rows = np.arange(len(order)) + lane
        bars = _draw_lane(
            axes,
            width,
            rows,
            _part(shares[label], order),
            dots.get(label),
            is_control(each.summary.unit),
            0.72 / len(drawn),
        )
        _link(bars, each, [names[position] for position in order])
        share = _part(shares[label], order)
        texts = [f"{text}{ends}" for text, ends in _texts(share)]
        tell(axes, f"{label}: {rows_text(labels, texts)}" if several else rows_text(labels, texts))
    if several:
        _name_lanes(axes, lanes, lane_labels, len(order))
    for band in bands.values():
        _draw_band(axes, band, names, order)
    link_rows(axes, [names[position] for position in order])
    set_y_labels(axes, labels)
    axes.xaxis.set_major_locator(MaxNLocator(most_ticks(width, 6), integer=True))
    axes.tick_params(axis="y", length=0)
    return axes


@dataclass(frozen=True)
class _Series:
    """The summary of one recording by one method."""

    recording: Recording
    summary: Summary


Series = dict[str, _Series]


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
            series[", ".join(filter(None, (label, method_label)))] = _Series(member, summary)
    return series


def _method_label(summary: Summary, standardized: bool | None) -> str:
    control = f" ({TERMS['control'].name})" if is_control(summary.unit) else ""
    apart = f" ({plain(summary.apart, 60)})" if summary.apart else ""
    return f"{measure(summary, standardized).name}{control}{apart}"


def _bands(series: Series, level: float) -> dict[str, tuple[Summary, Interval]]:
    """The shares of random maps, in place of the single draw of the control, beside any other method."""
    drawn = {label: each for label, each in series.items() if each.summary.method == RANDOM}
    if len(drawn) == len(series):
        return {}
    return {
        label: (each.summary, random_shares(each.recording, each.summary.key, level=level))
        for label, each in drawn.items()
        if each.summary.n
    }


def _order(
    series: Series, shares: dict[str, Interval], names: list[str], features: Sequence[str] | None, top: int | None
) -> list[int]:
    """Positions in `names` in the order of rows: by the mean share of all methods but controls, unless chosen."""
    if features is not None:
        first = next(iter(series.values())).summary
        return [names.index(name) if name in names else first.position(name) for name in features]
    values = np.stack([share.value for share in shares.values()])
    controls = np.array([is_control(each.summary.unit) for each in series.values()])
    ranked = values if controls.all() else values[~controls]
    is_finite = np.isfinite(ranked)
    means = np.where(is_finite, ranked, 0).sum(axis=0) / np.maximum(is_finite.sum(axis=0), 1)
    return [int(position) for position in np.argsort(-means, kind="stable")[:top]]


def _by_name(summary: Summary, names: list[str], standardized: bool | None) -> Interval:
    """Shares in percent `[name]`; NaN for a feature that the agent does not have."""
    statistics = summary.overall
    raw = measure(summary, standardized).scale is None
    share = statistics.pooled_share if raw else statistics.importance
    columns = _columns(summary, names)
    picked = (np.where(columns < 0, np.nan, 100 * part[columns]) for part in (share.value, share.low, share.high))
    return Interval(*picked)


def _columns(summary: Summary, names: Sequence[str]) -> np.ndarray:
    return np.array([summary.features.index(name) if name in summary.features else -1 for name in names])


def _part(share: Interval, order: list[int]) -> Interval:
    return Interval(share.value[order], share.low[order], share.high[order])


def _dots(summary: Summary, names: list[str], order: list[int]) -> np.ndarray:
    """Shares in percent of each episode, `[episode, row]`."""
    columns = _columns(summary, names)[order]
    return np.where(columns < 0, np.nan, 100 * summary.overall.each_importance[:, columns])


def _draw_lane(
    axes: Axes, width: float, rows: np.ndarray, share: Interval, dots: np.ndarray | None, control: bool, height: float
) -> list[Rectangle]:
    """Draw the bars of one method, those of a control hollow, with their intervals and numbers; returns the bars."""
    bars = draw_shares(axes, rows, share.value, min(height, 0.7), hollow=control)
    clear = np.stack([share.low, share.high], axis=1)
    if dots is None:
        draw_intervals(axes, rows, share.low, share.high)
    else:
        draw_episodes(axes, rows, dots)
        reached = np.isfinite(dots).any(axis=0)
        ends = (np.nanmin(dots, axis=0, initial=np.inf), np.nanmax(dots, axis=0, initial=-np.inf))
        clear = np.where(reached[:, None], np.stack(ends, axis=1), np.nan)
    texts = [text for text, _ in _texts(share)]
    write_in_bars(
        axes, width, texts, np.zeros(len(rows)), np.nan_to_num(share.value), clear=clear, rows=rows, pale=control
    )
    return [*bars]


def _texts(share: Interval) -> list[tuple[str, str]]:
    """Shares in percent and their intervals, one of each for each row."""
    return [
        share_interval(*(float(end) / 100 for end in ends)) if np.isfinite(ends[0]) else ("0/0", "")
        for ends in zip(share.value, share.low, share.high, strict=True)
    ]


def _link(bars: Sequence[Rectangle], series: _Series, names: list[str]) -> None:
    """Link the bar of each feature to the step at which it mattered most."""
    summary = series.summary
    columns = _columns(summary, names)
    if not summary.n or is_control(summary.unit):
        return
    numbers, steps = extreme_steps(series.recording, summary.key, label=strongest_label(summary, None))
    present = np.flatnonzero(columns >= 0)
    link_dots([bars[row] for row in present.tolist()], numbers[columns[present]], steps[columns[present]])


def _name_lanes(axes: Axes, lanes: np.ndarray, labels: list[str], rows: int) -> None:
    """Write the names of the methods beside the lanes of each row, and a line between rows."""
    axes.hlines(
        np.arange(1, rows) - 0.5, 0, 1, transform=axes.get_yaxis_transform(), color=theme_color("line"), linewidth=0.6
    )
    for row in range(rows):
        for lane, label in zip(lanes, labels, strict=True):
            axes.annotate(
                label, (1, row + lane), xycoords=axes.get_yaxis_transform(), xytext=(6, 0), textcoords="offset points",
                va="center_baseline", fontsize="small", color=theme_color("muted"), parse_math=False,
                annotation_clip=False,
            )  # fmt: skip


def _draw_band(axes: Axes, band: tuple[Summary, Interval], names: list[str], order: list[int]) -> None:
    """Draw what random maps give each feature, behind the bars."""
    summary, shares = band
    low, high = axes.get_xlim()
    for row, column in enumerate(_columns(summary, names)[order].tolist()):
        if column >= 0:
            ends = [100 * float(part[column]) for part in (shares.low, shares.high)]
            axes.fill_betweenx(
                [row - 0.5, row + 0.5],
                *np.clip(ends, low, high),
                color=theme_color("line"),
                alpha=0.45,
                linewidth=0,
                zorder=0,
            )


def _x_label(series: Series, standardized: bool | None) -> str:
    measures = list(dict.fromkeys(measure(each.summary, standardized).name for each in series.values()))
    quantity_name = f"|{measures[0]}|" if len(measures) == 1 else f"|{TERMS['attribution'].name}|"
    return f"{TERMS['share_of_mean'].name.format(quantity_name)}\N{NO-BREAK SPACE}(%)"


def _heading(series: Series, standardized: bool | None, agents: int) -> tuple[str, ...]:
    """Title, and the small print on the data."""
    summaries = [each.summary for each in series.values()]
    first = summaries[0]
    scores = " and ".join(dict.fromkeys(score_words(summary.target) for summary in summaries))
    pooled = f"over {len(first.labels)} targets" if len(first.labels) > 1 else ""
    if len(series) == 1 and agents == 1:
        return "What the agent looks at", *describe(first), scores, pooled
    counts = sorted({summary.n for summary in summaries})
    steps = " to ".join(f"{count:,}" for count in dict.fromkeys((counts[0], counts[-1])))
    title, source = "What the agent looks at", describe(first)[:2]
    if agents > 1:
        title, source = "What the agents look at", (f"{agents} agents",)
    method = _method_label(first, standardized) if agents == len(series) else ""
    return title, *source, method, scores, f"n = {steps} steps", pooled
