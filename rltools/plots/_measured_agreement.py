"""Agreement of attributions with the measured losses of return, method by method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rltools._util.glossary import SAME_ORDER, TERMS, method_title
from rltools._util.text import interval, plural, two_decimals
from rltools.attributions import is_control
from rltools.errors import RecordingError
from rltools.metrics import Assessment, assess_recorded
from rltools.plots.drawing.ablations import describe_ablation, replaced, seeds_note
from rltools.plots.drawing.alt import rows_text, tell
from rltools.plots.drawing.colors import theme_color
from rltools.plots.drawing.labels import inches, plain
from rltools.plots.drawing.plot_info import Chapter, ReportData, plot
from rltools.plots.drawing.quantities import score_words
from rltools.plots.drawing.style import canvas, draw_no_steps, heading, interval_note, keep_spines, set_x_label
from rltools.recording import Recording, check_recording
from rltools.recording.specs import matching_keys

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.ablation import Ablation
    from rltools.recording import AttributionSpec

METRIC = "loss_concordance"
_GAP = 0.4
"""The gap between methods and controls, in rows."""


def _has_several(report: ReportData) -> bool:
    """Whether losses of several features were measured, and two methods or more can be compared with them."""
    specs = report.recording.specs.values()
    methods = {spec.method for spec in specs if not is_control(spec.unit)}
    return report.ablation is not None and len(report.ablation.spec.players) > 1 and len(methods) > 1


@plot(
    chapter=Chapter.MEASURED,
    caption="Whether a method orders the features as their measured losses do, weighted by how far the losses are "
    f"apart: {SAME_ORDER}. A filled dot is certainly better than random numbers and than "
    "the std of the features; one draw of random numbers in twenty reaches the end of the gray band.",
    order=90,
    shown_when=_has_several,
    arguments=lambda report: {"ablation": report.ablation.key if report.ablation else None},
)
def measured_agreement(
    recording: Recording,
    *,
    axes: Axes | None = None,
    method: str | Sequence[str] | None = None,
    target: str | None = None,
    ablation: str | None = None,
    level: float = 0.95,
) -> Axes:
    """Agreement of each method's order of the features with their measured losses of return; controls are set apart.

    Args:
        recording: a recording with at least one attribution that was ablated.
        axes: axes to draw in; by default those of a new figure.
        method: one or several methods; by default all.
        target: explained target; by default all.
        ablation: the replacement or the key of an ablation; by default the one with most episodes.
        level: confidence level of the intervals, over episodes, draws and the seeds of the losses.

    Raises:
        RecordingError: the recording has no such attribution, or no ablation of this name.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("lunarlander-ppo")
        >>> recording = rltools.record(policy, episodes=10)
        >>> for method in ("decision_change", "shapley", "gradient", "std", "random"):
        ...     recording = rltools.explain(recording, policy, method=method, references=8, every=5)
        >>> ablation = rltools.ablate(policy, recording, seeds=8, most=8)
        >>> axes = rltools.plots.measured_agreement(recording)
        >>> [label.get_text() for label in axes.get_yticklabels()][0]
        'decision change'
    """
    check_recording(recording)
    specs = _selected(recording, method, target)
    measured = _ablation(recording, ablation)
    rows = {row.key: row for row in assess_recorded(recording, ablation=measured, metrics=[METRIC], level=level)}
    order = sorted(specs, key=lambda key: (is_control(specs[key].unit), -rows[key].value if key in rows else 2.0))
    names = [_name(recording, key, specs) for key in order]
    axes, width = canvas(axes, 1.75 + 0.36 * len(order), 0.9 + inches(names))
    set_x_label(axes, width, "concordance with the measured losses")
    keep_spines(axes, "bottom")
    heading(axes, width, "Do the methods name what the agent needs?", *_notes(recording, measured, specs, rows, level))
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(-1.05, 1.05)
    if measured is None or not rows:
        nothing = "steps" if not any(outcome.steps for outcome in recording.outcomes()) else "episodes"
        draw_no_steps(axes, nothing)
        return axes
    controls = np.array([is_control(specs[key].unit) for key in order])
    heights = np.arange(len(order)) + _GAP * (controls & (not controls.all()))
    axes.set_yticks(heights, labels=names, parse_math=False, fontsize="small" if "\n" in "".join(names) else "medium")
    axes.set_ylim(heights[-1] + 0.6, -0.6)
    _draw_controls(axes, [*rows.values()], float(heights[-1]) + 0.6)
    for key, height in zip(order, heights, strict=True):
        _draw_row(axes, rows.get(key), float(height))
    measured_keys = [key for key in order if key in rows]
    texts = [interval(rows[key].value, rows[key].low, rows[key].high, two_decimals) for key in measured_keys]
    tell(axes, rows_text([names[order.index(key)] for key in measured_keys], texts))
    return axes


def _selected(
    recording: Recording, method: str | Sequence[str] | None, target: str | None
) -> dict[str, AttributionSpec]:
    """The attributions that are drawn; raises if there are none."""
    methods = [method] if method is None or isinstance(method, str) else [*method]
    specs = recording.specs
    keys = [
        key
        for each in methods
        for key in matching_keys(specs, recording.is_complete, (), each, target, 0) or [recording.find(each, target)]
        if recording.is_complete(key)
    ]
    if not keys:
        raise RecordingError(f"no attribution in {recording.directory} is of every episode; explain the others too")
    return {key: specs[key] for key in dict.fromkeys(keys)}


def _ablation(recording: Recording, name: str | None) -> Ablation | None:
    from rltools.ablation import ablations, open_ablation

    if name is not None:
        return open_ablation(recording, name)
    return next(iter(ablations(recording)), None)


def _name(recording: Recording, key: str, specs: dict[str, AttributionSpec]) -> str:
    spec = specs[key]
    several = len({other.target for other in specs.values() if other.method == spec.method}) > 1
    settings = (
        recording.distinguishing_settings(key)
        if sum(other.method == spec.method for other in specs.values()) > 1
        else ""
    )
    name = plain(method_title(spec.method), 40)
    parts = [f"{name} of\n{score_words(spec.target)}" if several else name, plain(settings, 28)]
    return ", ".join(filter(None, parts)) + (f" ({TERMS['control'].name})" if is_control(spec.unit) else "")


def _notes(
    recording: Recording,
    measured: Ablation | None,
    specs: dict[str, AttributionSpec],
    rows: dict[str, Assessment],
    level: float,
) -> tuple[str, ...]:
    """Small print: agent, targets, replacement, seeds, and what the intervals cover."""
    targets = ", ".join(dict.fromkeys(score_words(spec.target) for spec in specs.values()))
    if measured is None or not rows:
        methods = ", ".join(dict.fromkeys(plain(method_title(spec.method), 40) for spec in specs.values()))
        why = "nothing was measured: add losses with rltools.ablate" if measured is None else "nothing to compare"
        return (methods, targets, why, "" if measured is None else f"a hidden feature is {replaced(measured.replace)}")
    lows = np.array([row.low for row in rows.values()])
    left_out = len(specs) - len(set(specs) & set(rows))
    return (
        *describe_ablation(measured, seeds_note(measured.losses().seeds)),
        targets,
        interval_note(lows, len(recording), level),
        f"{plural(left_out, 'attribution')} cannot be compared" if left_out else "",
    )


def _draw_controls(axes: Axes, rows: Sequence[Assessment], bottom: float) -> None:
    """Draw the band that random maps reach, the line of an unrelated order and that of the std of the features."""
    axes.axvline(0, color=theme_color("muted"), linewidth=0.8, zorder=1)
    if not rows:
        return
    limit, std = rows[0].random_limit, rows[0].std
    axes.axvspan(-1.05, limit, color=theme_color("line"), alpha=0.5, zorder=0, linewidth=0)
    axes.axvline(std, color=theme_color("ink"), linewidth=1, linestyle=(0, (3, 2)), zorder=1)
    axes.annotate(
        "std alone", (std, bottom), xytext=(3 if std < 0.5 else -3, 3), textcoords="offset points",
        ha="left" if std < 0.5 else "right", va="bottom", fontsize="small", color=theme_color("muted"),
    )  # fmt: skip


def _draw_row(axes: Axes, row: Assessment | None, height: float) -> None:
    if row is None:
        axes.text(
            0, height, "cannot be compared", ha="center", va="center", fontsize="small", color=theme_color("muted")
        )
        return
    color = theme_color("muted" if row.control else "measured")
    if np.isfinite(row.low):
        axes.hlines(height, row.low, row.high, color=color, linewidth=1.6, zorder=2)
    fill = color if row.separates else theme_color("paper")
    axes.plot([row.value], [height], "o", markersize=7, color=color, markerfacecolor=fill, zorder=3)
    axes.annotate(
        two_decimals(row.value), (1, height), xycoords=axes.get_yaxis_transform(), xytext=(6, 0),
        textcoords="offset points", ha="left", va="center_baseline", fontsize="small", color=theme_color("ink"),
        annotation_clip=False,
    )  # fmt: skip
