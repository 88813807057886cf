"""Which features matter, as bars or as dots side by side, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rltools.plots.drawing.colors import GRAY, INK, PALE, feature_color
from rltools.plots.drawing.labels import feature_labels, inches, plain, y_labels
from rltools.plots.drawing.legends import legend_beside
from rltools.plots.drawing.several import Recordings, by_label
from rltools.plots.drawing.style import about, canvas, frameless, heading, measure, say_nothing_there, some_of, x_label
from rltools.recording import warn_of_shared_episodes
from rltools.summary import Interval, Summary, is_control, summarize

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOP = 10
_MARKERS = "osD^vPX*"
Series = dict[str, Summary]


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
    r"""The share of each feature in the importance of all, sorted, with intervals.

    Args:
        recording: one, or several, agents side by side: a list, or a mapping from their labels.
        axes: where to draw; a new figure by default.
        method: one, or several: methods side by side.
        target: as text; several scalars are pooled.
        standardized: multiply gradients by the standard deviation of their feature; by default where that applies.
        top: how many features; None for all.
        level: of the intervals.

    Raises:
        RecordingError: nothing that fits was explained.
        ArgumentError: standardized values of a method whose values are in units of the score already; no recordings, or
            something else among them.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> recording = rltools.explain(recording, policy)
        >>> axes = rltools.plots.importance(recording)
        >>> axes.get_xlabel()
        'share of mean |gradient × std| of centered:chosen\xa0(%)'
    """
    series = _series(recording, method, target, standardized, level)
    names = list(dict.fromkeys(name for summary in series.values() for name in summary.features))
    shares = {label: _by_name(summary, names, standardized) for label, summary in series.items()}
    values = np.stack([share.value for share in shares.values()])
    controls = [is_control(summary.unit) for summary in series.values()]
    ranking = values if all(controls) else values[~np.array(controls)]
    known = np.isfinite(ranking)
    means = np.where(known, ranking, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    order = [int(at) for at in np.argsort(-means, kind="stable")[:top]]
    units = {name: unit for one in series.values() for name, unit in zip(one.features, one.units, strict=True)}
    labels = feature_labels([names[at] for at in order], [units[names[at]] for at in order])
    height = 1.5 + 0.32 * len(order) * (1 + 0.25 * (len(series) - 1))
    beside = 0.4 + inches(list(series)) if len(series) > 1 else 0.0
    axes, width = canvas(axes, height, 0.4 + inches(labels) + beside)
    x_label(axes, width, _shown(series, standardized))
    frameless(axes, "bottom", "left")
    agents = len(by_label(recording))
    heading(axes, width, *_said(series, standardized, agents, level), some_of(len(order), len(names)))
    if not any(summary.n for summary in series.values()):
        say_nothing_there(axes)
        return axes
    if len(series) == 1:
        _bars(axes, next(iter(shares.values())), order)
    else:
        _dots(axes, shares, order, controls)
    y_labels(axes, labels)
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
    recordings = {str(label): one for label, one in by_label(recording).items()}
    warn_of_shared_episodes(recordings)
    methods = [method] if method is None or isinstance(method, str) else list(method)
    series = {}
    for label, one in recordings.items():
        for name in methods:
            summary = summarize(one, method=name, target=target, level=level)
            how = _named(summary, standardized) if len(methods) > 1 else ""
            series[", ".join(filter(None, (label, how)))] = summary
    return series


def _named(summary: Summary, standardized: bool | None) -> str:
    control = " (control)" if is_control(summary.unit) else ""
    apart = f" ({plain(summary.apart, 60)})" if summary.apart else ""
    return f"{measure(summary, standardized).name}{control}{apart}"


def _by_name(summary: Summary, names: list[str], standardized: bool | None) -> Interval:
    """Shares in percent, in the order of `names`; NaN for a feature that this agent does not have."""
    statistics = summary.overall
    raw = measure(summary, standardized).scale is None
    found = statistics.pooled_share if raw else statistics.importance
    places = np.array([summary.features.index(name) if name in summary.features else -1 for name in names])
    picked = (np.where(places < 0, np.nan, 100 * part[places]) for part in (found.value, found.low, found.high))
    return Interval(*picked)


def _bars(axes: Axes, share: Interval, order: list[int]) -> None:
    rows = np.arange(len(order))
    axes.barh(rows, np.nan_to_num(share.value[order]), height=0.7, color=[feature_color(at) for at in order])
    _whiskers(axes, share, order, rows)
    for row, at in zip(rows, order, strict=True):
        value = share.value[at]
        end = np.nanmax([value, share.high[at], 0.0])
        text = "0/0" if np.isnan(value) else f"{value:.2g} %" if value < 10 else f"{value:.0f} %"
        axes.annotate(
            text, (end, row), xytext=(5, 0), textcoords="offset points", va="center", fontsize="small", color=INK
        )
    axes.margins(x=0.12)


def _dots(axes: Axes, shares: dict[str, Interval], order: list[int], controls: list[bool]) -> None:
    """A marker for each series in a lane of its own; those of controls are hollow."""
    from matplotlib.lines import Line2D

    lanes = np.linspace(-0.5, 0.5, len(shares)) * min(0.65, 0.3 * (len(shares) - 1))
    markers = [_MARKERS[at % len(_MARKERS)] for at in range(len(shares))]
    rows = np.arange(len(order))
    axes.hlines(rows[1:] - 0.5, 0, 1, transform=axes.get_yaxis_transform(), color=PALE, linewidth=0.6)
    for lane, share, marker, control in zip(lanes, shares.values(), markers, controls, strict=True):
        _whiskers(axes, share, order, rows + lane)
        for row, at in zip(rows, order, strict=True):
            color = feature_color(at)
            inside = "white" if control else color
            axes.plot(share.value[at], row + lane, marker, color=color, markerfacecolor=inside, markersize=5, zorder=3)
    handles = [
        Line2D([], [], linestyle="", marker=marker, color=GRAY, markerfacecolor="white" if control else GRAY)
        for marker, control in zip(markers, controls, strict=True)
    ]
    legend_beside(axes, handles, [plain(label, 40) for label in shares])


def _whiskers(axes: Axes, share: Interval, order: list[int], rows: np.ndarray) -> None:
    axes.hlines(rows, share.low[order], share.high[order], color=INK, linewidth=1.2, zorder=2)


def _shown(series: Series, standardized: bool | None) -> str:
    measures = list(dict.fromkeys(measure(summary, standardized).name for summary in series.values()))
    targets = list(dict.fromkeys(plain(summary.target, 30) for summary in series.values()))
    what = f"|{measures[0]}|" if len(measures) == 1 else "attribution"
    return f"share of mean {what} of {' and '.join(targets)}\N{NO-BREAK SPACE}(%)"


def _said(series: Series, standardized: bool | None, agents: int, level: float) -> tuple[str, ...]:
    """Title and small print."""
    first = next(iter(series.values()))
    pooled = f"over {len(first.labels)} targets" if len(first.labels) > 1 else ""
    sure = any(summary.overall.episodes > 1 for summary in series.values())
    interval = f"{100 * level:g} % interval" if sure else "fewer than two episodes: no interval"
    if len(series) == 1:
        return "What the agent looks at", *about(first), pooled, interval
    methods = " and ".join(dict.fromkeys(_named(summary, standardized) for summary in series.values()))
    counts = sorted({summary.n for summary in series.values()})
    steps = " to ".join(f"{count:,}" for count in dict.fromkeys((counts[0], counts[-1])))
    title, whose = "What the agent looks at", about(first)[:2]
    if agents > 1:
        title, whose = "What the agents look at", (f"{agents} agents",)
    return title, *whose, methods, f"n = {steps} steps", pooled, interval
