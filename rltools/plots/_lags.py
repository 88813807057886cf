"""How far back an agent looks: importance by feature and by moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rltools.plots.drawing.colors import GRAY, INK, share_colors
from rltools.plots.drawing.labels import feature_labels, inches, plain, y_labels
from rltools.plots.drawing.style import (
    about,
    canvas,
    feature_mark,
    frameless,
    heading,
    measure,
    say_nothing_there,
    some_of,
    x_label,
)
from rltools.summary import Interval, lag_shares, lagged_key, summarize

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.recording import Recording

TOP = 10
_MOST_WRITTEN = 10
"""Moments beside each other; of more the cells have no numbers."""


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
    """The share of each feature at each moment in the importance of all, now at the right; above it that of a moment.

    For stacks of observations, and for a recurrent policy explained over a window of them.

    Args:
        recording: with at least one attribution.
        axes: where to draw; a new figure by default.
        method: which, where several were recorded.
        target: as text, likewise; several scalars are pooled.
        window: over so many observations; by default the longest that was explained, 0 for the one of the moment.
        top: how many features; None for all.
        level: of the intervals above.

    Raises:
        RecordingError: nothing that fits was explained.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-recurrent-ppo")
        >>> recording = rltools.record(policy, episodes=2, max_steps=12)
        >>> recording = rltools.explain(recording, policy, window=4)
        >>> axes = rltools.plots.lags(recording)
        >>> axes.get_xlabel()
        'when it was observed (steps ago)'
    """
    summary = summarize(recording, method=lagged_key(recording, method, target, window))
    shown = measure(summary, None)
    found = lag_shares(recording, summary.key, level=level)
    order = np.argsort(-np.nansum(found.share.value, axis=1), kind="stable")[:top].tolist()
    labels = feature_labels([found.features[at] for at in order], [found.units[at] for at in order])
    axes, width = canvas(axes, 2.55 + 0.32 * max(len(order), 2), 0.5 + inches(labels))
    x_label(axes, width, "when it was observed (steps ago)")
    frameless(axes)
    sure = f"{100 * level:g} % interval" if summary.overall.episodes > 1 else "no interval: fewer than two episodes"
    alone = "no earlier moment is observed: there is only now" if len(found.lags) == 1 else ""
    what = f"share of mean |{shown.name}| of {plain(summary.target, 30)} (%)"
    heading(
        axes,
        width,
        "How far back the agent looks",
        *about(summary),
        what,
        alone,
        sure,
        some_of(len(order), len(found.features)),
    )
    if not summary.n:
        say_nothing_there(axes)
        return axes
    share = 100 * found.share.value[order]
    _map(axes, share)
    stride = -(-len(found.lags) // 20)  # the last one, now, is always named
    named = range((len(found.lags) - 1) % stride, len(found.lags), stride)
    axes.set_xticks(named, labels=["now" if found.lags[at] == 0 else f"{found.lags[at]}" for at in named])
    y_labels(axes, labels)
    axes.tick_params(axis="both", length=0)
    axes.tick_params(axis="y", pad=8)
    for row, at in enumerate(order):
        feature_mark(axes, row, at)
    if len(found.lags) > 1:
        _above(axes, found.of_lag, len(order))
    return axes


def _map(axes: Axes, share: np.ndarray) -> None:
    largest = float(np.nanmax(share)) if np.isfinite(share).any() else 0.0
    axes.imshow(np.ma.masked_invalid(share), aspect="auto", cmap=share_colors(), vmin=0, vmax=largest or 1)
    axes.hlines(np.arange(1, len(share)) - 0.5, -0.5, share.shape[1] - 0.5, color="white", linewidth=1)
    if share.shape[1] > _MOST_WRITTEN:
        return
    for (row, column), value in np.ndenumerate(share):
        text = "–" if np.isnan(value) else f"{value:.1f}" if value < 9.95 else f"{value:.0f}"
        color = "white" if value > 0.6 * largest else INK
        axes.text(column, row, text, ha="center", va="center", fontsize="small", color=color)


def _above(axes: Axes, of_lag: Interval, rows: int) -> None:
    """Bars of all features together, over the columns of their moments."""
    from matplotlib.ticker import MaxNLocator

    bars = 1.7  # rows high, with a gap of 0.2 beneath
    axes.set_ylim(rows - 0.5, -0.7 - bars)
    whole = rows + 0.2 + bars
    panel = axes.inset_axes((0, (rows + 0.2) / whole, 1, bars / whole))
    places = np.arange(len(of_lag.value))
    value, low, high = (100 * np.asarray(part) for part in (of_lag.value, of_lag.low, of_lag.high))
    panel.bar(places, np.nan_to_num(value), width=0.5 if len(places) > 1 else 0.2, color=GRAY)
    panel.vlines(places, low, high, color=INK, linewidth=1.2)
    panel.set_xlim(axes.get_xlim())
    panel.set_ylim(0, float(np.nanmax([*value, *high, 1.0])) * 1.25)
    panel.set_xticks([])
    panel.set_ylabel("together", fontsize="small", rotation=0, ha="right", va="center")
    panel.tick_params(axis="y", labelsize="x-small", length=2)
    if len(places) > _MOST_WRITTEN:
        panel.yaxis.set_major_locator(MaxNLocator(2))
        panel.yaxis.tick_right()
        frameless(panel, "right")
        return
    panel.set_yticks([])
    frameless(panel)
    for place in places:
        over = (place, float(np.nanmax([value[place], high[place], 0.0])))
        text = "–" if np.isnan(value[place]) else f"{value[place]:.0f}"
        panel.annotate(text, over, xytext=(0, 2), textcoords="offset points", ha="center", fontsize="small", color=INK)
