"""How far back an agent looks: importance by feature and time lag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rltools._util.glossary import TERMS
from rltools._util.text import plural, share_interval
from rltools.plots.drawing.alt import rows_text, tell
from rltools.plots.drawing.colors import share_colors, theme_color
from rltools.plots.drawing.labels import feature_labels, inches, set_y_labels
from rltools.plots.drawing.plot_info import Chapter, ReportData, plot
from rltools.plots.drawing.quantities import score_words
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
from rltools.summary import Interval, lag_shares, lagged_key, summarize

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.recording import Recording
    from rltools.summary import Summary

TOP = 10
_MAX_WRITTEN = 10
"""Lags side by side; with more of them the cells have no numbers."""


def _longest_window(report: ReportData) -> tuple[int, Summary]:
    """The longest window of observations that was explained together (0 for none), and its summary."""
    windows = [report.recording.spec(summary.key).window for summary in report.summaries]
    longest = max(windows, default=0)
    return longest, report.summaries[windows.index(longest)] if longest else report.main


def _has_lags(report: ReportData) -> bool:
    """Whether observations of several steps were explained, and the method tells them apart."""
    if _longest_window(report)[0]:
        return True
    separated = report.recording.spec(report.main.key).separated
    stacked = any("lag" in part.dims for part in report.recording.features_of(report.main.key).parts)
    return stacked and (not separated or "lag" in separated)


def _arguments(report: ReportData) -> dict[str, Any]:
    window, summary = _longest_window(report)
    return {"method": summary.key, "target": summary.target, **({"window": window} if window else {})}


@plot(
    chapter=Chapter.EPISODES,
    caption="How far back the agent looks: the share of each feature at each time lag, now at the right.",
    order=30,
    shown_when=_has_lags,
    arguments=_arguments,
)
def lags(
    recording: Recording,
    *,
    axes: Axes | None = None,
    method: str | None = None,
    target: str | None = None,
    window: int | None = None,
    top: int | None = TOP,
    level: float = 0.95,
) -> Axes:
    """Share of each feature at each time lag in the total importance, now at the right, and above it the sum by lag.

    For stacked observations, and for recurrent policies explained over a window of observations.

    Args:
        recording: recording with at least one attribution.
        axes: axes to draw in; by default those of a new figure.
        method: attribution method, if the recording has several.
        target: explained target, if the recording has several; its scalars are pooled.
        window: number of observations explained together, 0 for the current one; by default the longest window.
        top: number of features; None for all.
        level: confidence level of the intervals above.

    Raises:
        RecordingError: the recording has no such attribution.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-recurrent-ppo")
        >>> recording = rltools.record(policy, episodes=6, max_steps=200)
        >>> recording = rltools.explain(recording, policy, method="integrated_gradients", references=8, window=8)
        >>> axes = rltools.plots.lags(recording)
        >>> axes.get_xlabel()
        'when it was observed (steps ago)'
    """
    summary = summarize(recording, method=lagged_key(recording, method, target, window))
    quantity = measure(summary, None)
    result = lag_shares(recording, summary.key, level=level)
    order = np.argsort(-np.nansum(result.share.value, axis=1), kind="stable")[:top].tolist()
    labels = feature_labels(
        [result.features[position] for position in order], [result.units[position] for position in order]
    )
    axes, width = canvas(axes, 2.55 + 0.32 * max(len(order), 2), 0.5 + inches(labels))
    set_x_label(axes, width, "when it was observed (steps ago)")
    keep_spines(axes)
    single = len(result.lags) == 1
    interval_text = "" if single else interval_note(result.of_lag.low, summary.overall.episodes, level)
    single_lag_note = "no earlier observation is explained: there is only now" if single else ""
    share_note = f"{TERMS['share_of_mean'].name.format(f'|{quantity.name}|')} of {score_words(summary.target)} (%)"
    heading(
        axes,
        width,
        "How far back the agent looks",
        *describe(summary),
        share_note,
        single_lag_note,
        interval_text,
        top_note(len(order), len(result.features)),
    )
    if not summary.n:
        draw_no_steps(axes)
        return axes
    share = 100 * result.share.value[order]
    _draw_map(axes, share)
    stride = -(-len(result.lags) // 20)  # the last one, now, is always labeled
    named = range((len(result.lags) - 1) % stride, len(result.lags), stride)
    axes.set_xticks(
        named, labels=["now" if result.lags[position] == 0 else f"{result.lags[position]}" for position in named]
    )
    set_y_labels(axes, labels)
    axes.tick_params(axis="both", length=0)
    nearest = np.argsort(result.lags, kind="stable")
    when = ["now" if lag == 0 else plural(lag, "step") + " ago" for lag in np.array(result.lags)[nearest].tolist()]
    of_lag = [part[nearest] for part in (result.of_lag.value, result.of_lag.low, result.of_lag.high)]
    tell(axes, rows_text(when, ["".join(share_interval(*ends)) for ends in zip(*of_lag, strict=True)]))
    if not single:
        _draw_totals(axes, result.of_lag, len(order))
    return axes


def _draw_map(axes: Axes, share: np.ndarray) -> None:
    largest = float(np.nanmax(share)) if np.isfinite(share).any() else 0.0
    axes.imshow(np.ma.masked_invalid(share), aspect="auto", cmap=share_colors(), vmin=0, vmax=largest or 1)
    axes.hlines(np.arange(1, len(share)) - 0.5, -0.5, share.shape[1] - 0.5, color=theme_color("paper"), linewidth=1)
    if share.shape[1] > _MAX_WRITTEN:
        return
    for (row, column), value in np.ndenumerate(share):
        text = "–" if np.isnan(value) else f"{value:.1f}" if value < 9.95 else f"{value:.0f}"
        color = theme_color("paper") if value > 0.6 * largest else theme_color("ink")
        axes.text(column, row, text, ha="center", va="center", fontsize="small", color=color)


def _draw_totals(axes: Axes, of_lag: Interval, rows: int) -> None:
    """Draw a bar for the sum of all features above the column of each lag."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    bar_rows = 2.0  # height in rows, with a gap of 0.2 below
    axes.set_ylim(rows - 0.5, -0.7 - bar_rows)
    height = rows + 0.2 + bar_rows
    panel = axes.inset_axes((0, (rows + 0.2) / height, 1, bar_rows / height))
    positions = np.arange(len(of_lag.value))
    value, low, high = (100 * np.asarray(part) for part in (of_lag.value, of_lag.low, of_lag.high))
    panel.bar(positions, np.nan_to_num(value), width=0.6 if len(positions) > 1 else 0.2, color=theme_color("accent"))
    panel.vlines(positions, low, high, color=theme_color("ink"), linewidth=1.3)
    panel.set_xlim(axes.get_xlim())
    panel.set_ylim(0, float(np.nanmax([*value, *high, 1.0])) * 1.25)
    panel.set_xticks([])
    panel.set_ylabel("together", fontsize="medium", rotation=0, ha="right", va="center", labelpad=24)
    panel.yaxis.set_major_locator(MaxNLocator(2, steps=[1, 2, 5, 10]))
    panel.yaxis.set_major_formatter(PercentFormatter(decimals=0, symbol=" %"))
    panel.tick_params(axis="y", labelsize="small", length=2, labelcolor=theme_color("muted"))
    keep_spines(panel, "left")
    if len(positions) > _MAX_WRITTEN:
        return
    for position in positions:
        anchor = (position, float(np.nanmax([value[position], high[position], 0.0])))
        text = "–" if np.isnan(value[position]) else f"{value[position]:.0f}"
        panel.annotate(
            text,
            anchor,
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            fontsize="small",
            color=theme_color("ink"),
        )
