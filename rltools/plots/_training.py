"""What an agent comes to look at while it learns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rltools.errors import ArgumentError
from rltools.plots.drawing.colors import GRAY, INK, feature_color
from rltools.plots.drawing.labels import feature_labels, inches, number, plain
from rltools.plots.drawing.several import Recordings, by_label
from rltools.plots.drawing.style import about, canvas, frameless, heading, measure, say_nothing_there, some_of
from rltools.recording import Recording
from rltools.summary import Interval, training_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.summary import TrainingCurve

TOP = 6
_HEIGHT = 4.0
_SHARES, _RETURNS = (0.3, 0.7), (0.0, 0.22)
"""Bottom and height of the two panels, in parts of the axes."""
_LINE = 0.115
"""Labels are so far apart, in parts of the upper panel's height."""


def training(
    recording: Recordings,
    *,
    axes: Axes | None = None,
    method: str | None = None,
    target: str | None = None,
    top: int | None = TOP,
    level: float = 0.95,
) -> Axes:
    """The share of each feature in the importance of all over the checkpoints of a training, and the mean return.

    Args:
        recording: by the number of training steps, or by another label in order, or a list in order; a single one is a
            single point.
        axes: where to draw, both panels within its place; a new figure by default.
        method: one of those recorded everywhere.
        target: as text; several scalars are pooled.
        top: how many features; None for all.
        level: of the intervals.

    Raises:
        ArgumentError: neither a recording nor a mapping to some.
        RecordingError: nothing that fits was explained.

    Example:
        >>> import rltools
        >>> from stable_baselines3 import PPO
        >>> callback = rltools.AttributionCallback("CartPole-v1", every=256, episodes=2, max_steps=20)
        >>> model = PPO("MlpPolicy", "CartPole-v1", n_steps=128, seed=0).learn(256, callback=callback)
        >>> axes = rltools.plots.training(callback.recordings)
        >>> axes.get_xlabel()
        'training steps'
    """
    recordings = by_label(recording)
    if isinstance(recording, Recording):
        recordings = {plain(recording.header.policy, 24): recording}
    found = training_curve({str(label): one for label, one in recordings.items()}, method, target, level=level)
    numbered = all(isinstance(label, int) for label in recordings)
    places = np.array([label if isinstance(label, int) and numbered else at for at, label in enumerate(recordings)])
    count = len(found.features[:top])
    labels = [label.replace("\n", " ") for label in feature_labels(found.features[:count], [""] * count)]
    labels = [plain(label) for label in labels]
    axes, width = canvas(axes, _HEIGHT, 1.1 + inches(labels, points=8.3))
    axes.set_yticks([])
    axes.set_xlabel("training steps" if numbered else "checkpoint")
    frameless(axes, "bottom")
    summary = found.summaries[0]
    shown = measure(summary, None).name
    whose = about(summary)[:3] if len(recordings) == 1 else about(summary)[1:3]
    steps = f"n = {sum(one.n for one in found.summaries):,} steps of {len(recordings)} checkpoint"
    steps += "s" if len(recordings) > 1 else ""
    sure = any(one.overall.episodes > 1 for one in found.summaries)
    interval = f"{100 * level:g} % intervals" if sure else "fewer than two episodes: no interval"
    what = f"share of mean |{shown}| of {plain(summary.target, 30)}"
    heading(
        axes,
        width,
        "What the agent comes to look at",
        *whose,
        what,
        steps,
        interval,
        some_of(count, len(found.features)),
    )
    if not any(one.n for one in found.summaries):
        say_nothing_there(axes)
        return axes
    span = np.ptp(places) or 1.0
    axes.set_xlim(places.min() - 0.04 * span, places.max() + 0.04 * span)
    if len(places) == 1:
        axes.set_xlim(places[0] - 0.9, places[0] + 0.1)
    _name_checkpoints(axes, places, list(found.labels), numbered=numbered)
    shares = _panel(axes, _SHARES, "share (%)")
    for at in range(count):
        parts = Interval(*(100 * part[:, at] for part in (found.share.value, found.share.low, found.share.high)))
        _line(shares, places, parts, feature_color(found.positions[at]))
    shares.set_ylim(0, None)
    _direct_labels(shares, places, 100 * found.share.value[:, :count], labels, found)
    returns = _panel(axes, _RETURNS, "mean\nreturn")
    _line(returns, places, found.returns, INK)
    _two_ticks(returns)
    return axes


def _name(recording: Recording) -> str:
    if not hasattr(recording, "header"):
        raise ArgumentError(
            f"training is given a {type(recording).__name__}; give a recording, or a mapping from the number of "
            f"training steps to one, as rltools.open_checkpoints(folder) returns it"
        )
    return plain(recording.header.policy, 24)


def _panel(axes: Axes, place: tuple[float, float], name: str) -> Axes:
    panel = axes.inset_axes((0, place[0], 1, place[1]))
    panel.set_xlim(axes.get_xlim())
    panel.set_autoscalex_on(False)
    panel.set_xticks([])
    panel.set_ylabel(name, fontsize="small")
    panel.tick_params(labelsize="small", length=2)
    frameless(panel, "left")
    return panel


def _line(panel: Axes, places: np.ndarray, found: Interval, color: str | tuple[float, float, float]) -> None:
    panel.plot(places, found.value, color=color, linewidth=1.4, marker="o", markersize=3.5, zorder=3)
    if len(places) > 1:
        panel.fill_between(places, found.low, found.high, color=color, alpha=0.18, linewidth=0, zorder=1)
    else:  # an interval at a single point has no area
        panel.vlines(places, found.low, found.high, color=color, linewidth=1.2)


def _direct_labels(
    panel: Axes, places: np.ndarray, values: np.ndarray, labels: list[str], found: TrainingCurve
) -> None:
    """A name at the end of each line, apart from the others."""
    bottom, top = panel.get_ylim()
    last = [_last(values[:, at]) for at in range(len(labels))]
    known = [at for at, step in enumerate(last) if step is not None]
    heights = [float((values[last[at], at] - bottom) / (top - bottom)) for at in known]
    for at, height in zip(known, _apart(heights, min(_LINE, 1 / max(len(known), 1))), strict=True):
        color = feature_color(found.positions[at])
        panel.text(
            1.06,
            height,
            labels[at],
            transform=panel.transAxes,
            va="center",
            fontsize="small",
            color=INK,
            parse_math=False,
        )
        panel.annotate(
            "",
            (places[last[at]], values[last[at], at]),
            xytext=(1.055, height),
            textcoords="axes fraction",
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 3},
        )


def _last(values: np.ndarray) -> int | None:
    finite = np.flatnonzero(np.isfinite(values))
    return int(finite[-1]) if len(finite) else None


def _apart(heights: list[float], least: float) -> list[float]:
    """The nearest heights, in the same order, of which no two are closer than `least`, from 0 to 1 if they fit."""
    from scipy.optimize import isotonic_regression

    order = np.argsort(heights, kind="stable")
    steps = least * np.arange(len(order))
    if not len(order):
        return []
    # Less the steps between them, heights in order are heights that never fall.
    free = isotonic_regression(np.array(heights)[order] - steps).x
    found = np.empty(len(order))
    found[order] = np.clip(free, 0, max(1 - steps[-1], 0)) + steps
    return [float(height) for height in found]


def _name_checkpoints(axes: Axes, places: np.ndarray, labels: list[str], *, numbered: bool) -> None:
    from matplotlib.ticker import EngFormatter, MaxNLocator

    if numbered:
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        return
    stride = -(-len(labels) // 8)
    shown = [plain(label, max(6, 48 // min(len(labels), 8))) for label in labels]
    axes.set_xticks(places[::stride], labels=shown[::stride], parse_math=False, fontsize="small")


def _two_ticks(panel: Axes) -> None:
    """The ends of the returns and nothing between."""
    (line,) = panel.lines
    values = np.asarray(line.get_ydata(), dtype=np.float64)
    finite = values[np.isfinite(values)]
    ticks = sorted({float(finite.min()), float(finite.max())}) if len(finite) else []
    panel.set_yticks(ticks, labels=[number(tick) for tick in ticks])
    panel.margins(y=0.2)
    panel.spines["left"].set_color(GRAY)
