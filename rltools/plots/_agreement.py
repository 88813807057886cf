"""Agreement of feature rankings between methods or agents."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rltools._util.glossary import SAME_ORDER, SAME_ORDER_BRIEF, TERMS, method_title
from rltools._util.text import two_decimals
from rltools.attributions import is_per_feature_unit
from rltools.plots.drawing.alt import MAX_NUMBERED, tell
from rltools.plots.drawing.colors import signed_colors, theme_color
from rltools.plots.drawing.labels import inches, plain
from rltools.plots.drawing.plot_info import Chapter, ReportData, plot
from rltools.plots.drawing.quantities import score_words
from rltools.plots.drawing.several import Recordings, recordings_by_label
from rltools.plots.drawing.style import (
    DATA_INCHES,
    canvas,
    describe,
    draw_no_steps,
    heading,
    interval_note,
    keep_spines,
    set_x_label,
)
from rltools.summary import FEWEST_RANKED, chance, summarize, without_random
from rltools.summary import agreement as rank_agreement

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.summary import Agreement, Ranking, Summary

MIN_METHODS = 3
"""The fewest methods that a report compares; for two methods a sentence gives the only number."""
_CELL_INCHES = 1.0
"""The width of a cell in inches, so that an interval fits."""
_HEAD_CHARACTERS = 13
"""The longest line of a column's name, so that it fits above its cells."""
_CONTROL_GAP = 0.15
"""The gap between methods and controls, in cells."""


def _same_target(report: ReportData) -> list[Summary]:
    """Summaries of the main target, without a window of past observations."""
    spec = report.recording.spec
    return [
        summary for summary in report.summaries if summary.target == report.main.target and not spec(summary.key).window
    ]


@plot(
    chapter=Chapter.METHODS,
    caption=f"Whether other methods rank the features alike: {SAME_ORDER}. An order that only one method finds is "
    f"worth less.",
    order=10,
    shown_when=lambda report: (
        len({summary.method for summary in _same_target(report)}) >= MIN_METHODS
        and len(report.main.features) >= FEWEST_RANKED
    ),
    arguments=lambda report: {"target": report.main.target},
)
def agreement(
    recording: Recordings,
    *,
    axes: Axes | None = None,
    method: str | Sequence[str] | None = None,
    target: str | None = None,
    level: float = 0.95,
) -> Axes:
    """Spearman rank correlation of feature importance between methods or agents; controls are set apart.

    Args:
        recording: a recording, or those of several agents as a list or a mapping from labels.
        axes: axes to draw in; by default those of a new figure.
        method: one or several methods; by default all with this target but the control `random`, whose single draw
            says less than what chance gives; for several agents the first choice.
        target: explained target; by default the one with most methods.
        level: confidence level of the intervals.

    Raises:
        RecordingError: the recording has no such attribution.
        ArgumentError: there is no recording, or something that is not one.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("lunarlander-ppo")
        >>> recording = rltools.record(policy, episodes=8)
        >>> for method in ("gradient", "smooth_grad", "integrated_gradients", "std", "random"):
        ...     recording = rltools.explain(recording, policy, method=method, references=8)
        >>> axes = rltools.plots.agreement(recording)
        >>> [label.get_text() for label in axes.get_yticklabels()][-2:]
        ['SmoothGrad × std', 'std (control)']
    """
    recordings = {str(label): member for label, member in recordings_by_label(recording).items()}
    methods = [method] if isinstance(method, str) else method
    result = rank_agreement(recordings, methods, target, level=level)
    if methods is None:
        result = without_random(result)
    first = result.rankings[0]
    summary = summarize(next(iter(recordings.values())), method=first.key, target=result.target)
    names = [_name(ranking, len(recordings) > 1, result.rankings) for ranking in result.rankings]
    count = len(names)
    data = max(DATA_INCHES, _CELL_INCHES * (count - 1))
    heads = [textwrap.fill(name, _HEAD_CHARACTERS) for name in names]
    lines = max(head.count("\n") + 1 for head in heads)
    axes, width = canvas(axes, 1.2 + 0.15 * lines + 0.58 * max(count, 2), 0.6 + inches(names), data)
    set_x_label(axes, width, f"rank correlation of the features' importance for {score_words(result.target)}")
    keep_spines(axes)
    axes.set_xticks([])
    source = describe(summary) if len(recordings) == 1 else (f"{len(recordings)} agents",)
    empty = not result.episodes or not summary.n
    heading(axes, width, _title(len(recordings) > 1), *source, *_notes(result, level, [] if empty else names))
    axes.set_yticks(range(count), labels=names, parse_math=False)
    axes.tick_params(axis="y", length=0)
    if empty:
        draw_no_steps(axes)
        return axes
    if count == 1:
        _centered_text(axes, "one method recorded:\nexplain with another to compare")
        axes.set_ylim(0.6, -0.6)
        return axes
    _draw_triangle(axes, result, names, heads, lines)
    tell(axes, *_pairs(result, names))
    return axes


def _pairs(result: Agreement, names: list[str]) -> list[str]:
    """The correlations of the first rows."""
    pairs = [(i, j) for i in range(len(names)) for j in range(i) if np.isfinite(result.correlation.value[i, j])]
    return [f"{names[j]} and {names[i]} {result.correlation.value[i, j]:.2f}" for i, j in pairs[:MAX_NUMBERED]]


def _title(agents: bool) -> str:
    return "Do the agents rank the features alike?" if agents else "Do the methods rank the features alike?"


def _name(ranking: Ranking, agents: bool, rankings: Sequence[Ranking]) -> str:
    several = len({(ranking.method, ranking.settings) for ranking in rankings}) > 1
    agent = plain(ranking.agent, 24) if agents else ""
    method = _method(ranking) if several or not agents else ""
    parts = filter(None, (agent, method, plain(ranking.settings, 28)))
    return ", ".join(parts) + (f" ({TERMS['control'].name})" if ranking.control else "")


def _method(ranking: Ranking) -> str:
    standardized = f" {TERMS['std'].name}" if is_per_feature_unit(ranking.unit) else ""
    return f"{plain(method_title(ranking.method), 40)}{standardized}"


def _notes(result: Agreement, level: float, names: list[str]) -> tuple[str, ...]:
    """Small print: methods that the rows do not name, and the meaning of the numbers."""
    methods = dict.fromkeys(_method(ranking) for ranking in result.rankings)
    unnamed = [method for method in methods if not any(method in name for name in names)]
    features = min(len(ranking.features) for ranking in result.rankings)
    between = np.tril_indices(len(result.rankings), -1)
    intervals = interval_note(result.correlation.low[between], result.episodes, level, "[{}]")
    if features < FEWEST_RANKED:
        intervals = f"{features} feature{'s have' if features > 1 else ' has'} too few orders to compare"
    by_chance = f"gray: within ±{chance(features, 0.975):.2f}, as chance gives" if features >= FEWEST_RANKED else ""
    return " and ".join(unnamed), f"Spearman's, mean over episodes: {SAME_ORDER_BRIEF}", by_chance, intervals


def _centered_text(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=theme_color("muted"))


def _draw_triangle(axes: Axes, result: Agreement, names: list[str], heads: list[str], lines: int) -> None:
    """Draw the lower triangle, with the names of the columns above all rows."""
    correlation, controls = result.correlation, [ranking.control for ranking in result.rankings]
    # A gap separates controls from methods.
    positions = np.arange(len(names)) + _CONTROL_GAP * (np.array(controls) & (not all(controls)))
    features = min(len(ranking.features) for ranking in result.rankings)
    by_chance = chance(features, 0.975) if features >= FEWEST_RANKED else np.nan
    top = 0.47
    for column, head in enumerate(heads[:-1]):
        axes.vlines(
            positions[column], top, positions[column + 1] - 0.46, color=theme_color("line"), linewidth=0.8, zorder=0
        )
        axes.text(
            positions[column],
            top,
            head,
            fontsize="small",
            color=theme_color("ink"),
            va="bottom",
            ha="center",
            parse_math=False,
        )
    for row in range(1, len(names)):
        for column in range(row):
            value, low, high = (
                float(part[row, column]) for part in (correlation.value, correlation.low, correlation.high)
            )
            if controls[row] or controls[column]:
                low = high = np.nan  # of what knows nothing about the agent, an interval says nothing
            _draw_cell(axes, positions[column], positions[row], (value, low, high), gray=abs(value) <= by_chance)
    axes.set_yticks(positions[1:], labels=names[1:], parse_math=False)
    axes.set_xlim(-0.5, positions[-2] + 0.5)
    axes.set_ylim(positions[-1] + 0.5, top - 0.26 * lines - 0.05)


def _draw_cell(axes: Axes, x: float, y: float, estimate: tuple[float, float, float], *, gray: bool) -> None:
    """Draw a correlation with its interval; in gray if chance gives as much."""
    from matplotlib.patches import Rectangle

    value, low, high = estimate
    is_known, has_interval = np.isfinite(value), np.isfinite(low)
    face = signed_colors()((value + 1) / 2) if is_known and not gray else theme_color("uncertain")
    axes.add_patch(Rectangle((x - 0.475, y - 0.46), 0.95, 0.92, facecolor=face, edgecolor="none"))
    color = (
        theme_color("muted")
        if gray or not is_known
        else theme_color("paper")
        if abs(value) > 0.75
        else theme_color("ink")
    )
    text = two_decimals(value) if is_known else "–"
    axes.text(x, y - 0.14 * has_interval, text, ha="center", va="center", color=color)
    if has_interval:
        ends = f"[{two_decimals(low)}, {two_decimals(high)}]"
        axes.text(x, y + 0.22, ends, ha="center", va="center", color=color, fontsize="small")
