"""Importance of features over the checkpoints of a training run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rltools._util.glossary import TERMS
from rltools._util.text import number, plural
from rltools.plots.drawing.alt import rows_text, tell
from rltools.plots.drawing.colors import theme_color
from rltools.plots.drawing.labels import feature_labels, inches, plain, spread_apart
from rltools.plots.drawing.line_labels import Dashes, line_look
from rltools.plots.drawing.panels import round_ticks
from rltools.plots.drawing.plot_info import Chapter, plot
from rltools.plots.drawing.quantities import score_words
from rltools.plots.drawing.several import Recordings, recordings_by_label
from rltools.plots.drawing.style import (
    canvas,
    describe,
    draw_no_steps,
    heading,
    interval_note,
    keep_spines,
    measure,
    top_note,
)
from rltools.recording import Recording
from rltools.summary import Interval, training_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOP = 6
_HEIGHT = 4.0
_SHARES, _RETURNS = (0.3, 0.7), (0.0, 0.22)
"""Bottom and height of the two panels, as fractions of the axes."""
_LABEL_GAP = 0.115
"""Distance between labels, as a fraction of the upper panel."""


@plot(
    chapter=Chapter.TRAINING,
    caption="What the agent comes to look at while it learns: the share of each feature at each checkpoint, and the "
    "return.",
    order=10,
)
def training(
    recording: Recordings,
    *,
    axes: Axes | None = None,
    method: str | None = None,
    target: str | None = None,
    top: int | None = TOP,
    level: float = 0.95,
) -> Axes:
    """Share of each feature in the total importance over the checkpoints of a training run, and the mean return.

    Args:
        recording: recordings by number of training steps or by another label, or a list in order; a single recording
            is a single point.
        axes: axes into which both panels are inset; by default those of a new figure.
        method: attribution method that all recordings have.
        target: explained target; its scalars are pooled.
        top: number of features; None for all.
        level: confidence level of the intervals.

    Raises:
        ArgumentError: there is no recording, or something that is not one.
        RecordingError: the recording has no such attribution.

    Example:
        >>> import rltools
        >>> from stable_baselines3 import PPO
        >>> model = PPO("MlpPolicy", "CartPole-v1", n_steps=256, learning_rate=1e-3, seed=2, device="cpu")
        >>> recordings = {}
        >>> for steps in range(0, 4097, 1024):
        ...     if steps:
        ...         model = model.learn(1024, reset_num_timesteps=False)
        ...     policy = rltools.load_policy(model)
        ...     recording = rltools.record(policy, episodes=5, max_steps=150)
        ...     recordings[steps] = rltools.explain(recording, policy, method="gradient")
        >>> axes = rltools.plots.training(recordings)
        >>> axes.get_xlabel()
        'training steps'
    """
    recordings = recordings_by_label(recording)
    if isinstance(recording, Recording):
        recordings = {plain(recording.header.policy, 24): recording}
    curve = training_curve({str(label): member for label, member in recordings.items()}, method, target, level=level)
    numbered = all(isinstance(label, int) for label in recordings)
    positions = np.array(
        [label if isinstance(label, int) and numbered else index for index, label in enumerate(recordings)]
    )
    count = len(curve.features[:top])
    labels = [label.replace("\n", " ") for label in feature_labels(curve.features[:count], [""] * count)]
    labels = [plain(label) for label in labels]
    axes, width = canvas(axes, _HEIGHT, 1.1 + inches(labels, points=8.3))
    axes.set_yticks([])
    axes.set_xlabel("training steps" if numbered else "checkpoint")
    keep_spines(axes, "bottom")
    summary = curve.summaries[0]
    quantity = measure(summary, None).name
    source = describe(summary)[:3] if len(recordings) == 1 else describe(summary)[1:3]
    steps = f"n = {sum(member.n for member in curve.summaries):,} steps of {plural(len(recordings), 'checkpoint')}"
    low = np.concatenate([curve.share.low[:, :count].ravel(), curve.returns.low.ravel()])
    episodes = max(member.overall.episodes for member in curve.summaries)
    interval_text = interval_note(low, episodes, level, "{}s")
    share_note = f"{TERMS['share_of_mean'].name.format(f'|{quantity}|')} of {score_words(summary.target)}"
    heading(
        axes,
        width,
        "What the agent comes to look at",
        *source,
        share_note,
        steps,
        interval_text,
        top_note(count, len(curve.features)),
    )
    if not any(member.n for member in curve.summaries):
        draw_no_steps(axes)
        return axes
    span = np.ptp(positions) or 1.0
    axes.set_xlim(positions.min() - 0.04 * span, positions.max() + 0.04 * span)
    if len(positions) == 1:
        axes.set_xlim(positions[0] - 0.9, positions[0] + 0.1)
    _name_checkpoints(axes, positions, list(curve.labels), numbered=numbered)
    shares = _panel(axes, _SHARES, "share (%)")
    for index in range(count):
        parts = Interval(*(100 * part[:, index] for part in (curve.share.value, curve.share.low, curve.share.high)))
        _draw_line(shares, positions, parts, *line_look(index))
    shares.set_ylim(0, None)
    _label_lines(shares, positions, 100 * curve.share.value[:, :count], labels)
    returns = _panel(axes, _RETURNS, "mean\nreturn")
    _draw_line(returns, positions, curve.returns, theme_color("ink"))
    round_ticks(returns, np.stack([curve.returns.value, curve.returns.low, curve.returns.high]))
    tell(axes, rows_text(labels, [_change(100 * share, " %") for share in curve.share.value[:, :count].T]))
    tell(axes, f"mean return {_change(curve.returns.value)}")
    return axes


def _change(values: np.ndarray, unit: str = "") -> str:
    """The first and the last of values `[checkpoint]`."""
    first, last = (number(float(values[end]), 3) for end in (0, -1))
    return f"{last}{unit}" if len(values) == 1 else f"from {first} to {last}{unit}"


def _panel(axes: Axes, extent: tuple[float, float], name: str) -> Axes:
    panel = axes.inset_axes((0, extent[0], 1, extent[1]))
    panel.set_xlim(axes.get_xlim())
    panel.set_autoscalex_on(False)
    panel.set_xticks([])
    panel.set_ylabel(name, fontsize="small")
    panel.tick_params(labelsize="small", length=2)
    keep_spines(panel, "left")
    return panel


def _draw_line(panel: Axes, positions: np.ndarray, estimate: Interval, color: str, dashes: Dashes = "-") -> None:
    panel.plot(
        positions, estimate.value, color=color, linestyle=dashes, linewidth=1.4, marker="o", markersize=3.5, zorder=3
    )
    if len(positions) > 1:
        panel.fill_between(positions, estimate.low, estimate.high, color=color, alpha=0.14, linewidth=0, zorder=1)
    else:  # an interval at a single point has no area
        panel.vlines(positions, estimate.low, estimate.high, color=color, linewidth=1.2)


def _label_lines(panel: Axes, positions: np.ndarray, values: np.ndarray, labels: list[str]) -> None:
    """Write the name of each line at its end, without overlap."""
    bottom, top = panel.get_ylim()
    last = [_last_finite(values[:, index]) for index in range(len(labels))]
    labeled = [index for index, step in enumerate(last) if step is not None]
    gap = min(_LABEL_GAP, 1 / max(len(labeled), 1))
    heights = [float((values[last[index], index] - bottom) / (top - bottom)) for index in labeled]
    for index, height in zip(labeled, spread_apart(heights, [gap] * len(labeled)), strict=True):
        color, _ = line_look(index)
        panel.text(
            1.06,
            height,
            labels[index],
            transform=panel.transAxes,
            va="center",
            fontsize="small",
            color=theme_color("ink"),
            parse_math=False,
        )
        panel.annotate(
            "",
            (positions[last[index]], values[last[index], index]),
            xytext=(1.055, height),
            textcoords="axes fraction",
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 3},
        )


def _last_finite(values: np.ndarray) -> int | None:
    finite = np.flatnonzero(np.isfinite(values))
    return int(finite[-1]) if len(finite) else None


def _name_checkpoints(axes: Axes, positions: np.ndarray, labels: list[str], *, numbered: bool) -> None:
    from matplotlib.ticker import EngFormatter, MaxNLocator

    if numbered:
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        return
    stride = -(-len(labels) // 8)
    texts = [plain(label, max(6, 48 // min(len(labels), 8))) for label in labels]
    axes.set_xticks(positions[::stride], labels=texts[::stride], parse_math=False, fontsize="small")
