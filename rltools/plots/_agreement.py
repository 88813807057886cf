"""Whether methods, or agents, rank the features alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rltools.attributions import is_per_feature_unit
from rltools.plots.drawing.colors import GRAY, INK, signed_colors
from rltools.plots.drawing.labels import inches, plain
from rltools.plots.drawing.several import Recordings, by_label
from rltools.plots.drawing.style import DATA_INCHES, about, canvas, frameless, heading, say_nothing_there, x_label
from rltools.summary import FEWEST_RANKED, chance, summarize
from rltools.summary import agreement as ranked_alike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.summary import Agreement, Ranking

_CELL = 0.95
"""Inches that an interval needs."""
_APART = 0.15


def agreement(
    recording: Recordings,
    *,
    axes: Axes | None = None,
    method: str | Sequence[str] | None = None,
    target: str | None = None,
    level: float = 0.95,
) -> Axes:
    """Spearman's rank correlation of the features' importance between methods, controls apart; or between agents.

    Args:
        recording: one, or several, agents: a list, or a mapping from their labels.
        axes: where to draw; a new figure by default.
        method: one, or several; by default all that were recorded of the target, of agents the one that speaks first.
        target: as text; by default the one that most methods explained.
        level: of the intervals.

    Raises:
        RecordingError: nothing that fits was explained.
        ArgumentError: there are no recordings, or something else is among them.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> for method in ("gradient", "input_x_gradient", "random"):
        ...     recording = rltools.explain(recording, policy, method=method)
        >>> axes = rltools.plots.agreement(recording)
        >>> [label.get_text() for label in axes.get_yticklabels()]
        ['input x gradient', 'random (control)']
    """
    recordings = {str(label): one for label, one in by_label(recording).items()}
    methods = [method] if isinstance(method, str) else method
    found = ranked_alike(recordings, methods, target, level=level)
    first = found.rankings[0]
    summary = summarize(next(iter(recordings.values())), method=first.key, target=found.target)
    names = [_name(one, len(recordings) > 1, found.rankings) for one in found.rankings]
    count = len(names)
    data = max(DATA_INCHES, _CELL * (count - 1))
    own = axes is None
    axes, width = canvas(axes, 1.7 + 0.58 * max(count, 2), 0.6 + 1.6 * inches(names) + data - DATA_INCHES)
    width = data if own else width
    x_label(axes, width, f"rank correlation of the features by their importance for {plain(found.target, 30)}")
    frameless(axes)
    axes.set_xticks([])
    whose = about(summary) if len(recordings) == 1 else (f"{len(recordings)} agents",)
    empty = not found.episodes or not summary.n
    heading(axes, width, _title(len(recordings) > 1), *whose, *_notes(found, level, [] if empty else names))
    axes.set_yticks(range(count), labels=names, parse_math=False)
    axes.tick_params(axis="y", length=0)
    if empty:
        say_nothing_there(axes)
        return axes
    if count == 1:
        _say(axes, "one method recorded:\nexplain with another to compare")
        axes.set_ylim(0.6, -0.6)
        return axes
    _draw(axes, found, names)
    return axes


def _title(agents: bool) -> str:
    return "Do the agents rank the features alike?" if agents else "Do the methods rank the features alike?"


def _name(ranking: Ranking, agents: bool, there: Sequence[Ranking]) -> str:
    several = len({(one.method, one.settings) for one in there}) > 1
    agent = plain(ranking.agent, 24) if agents else ""
    method = _method(ranking) if several or not agents else ""
    parts = filter(None, (agent, method, plain(ranking.settings, 28)))
    return ", ".join(parts) + (" (control)" if ranking.control else "")


def _method(ranking: Ranking) -> str:
    standardized = " × std" if is_per_feature_unit(ranking.unit) else ""
    return f"{plain(ranking.method.replace('_', ' '), 28)}{standardized}"


def _notes(found: Agreement, level: float, names: list[str]) -> tuple[str, ...]:
    """The methods where rows do not name them, and what the numbers are."""
    methods = dict.fromkeys(_method(one) for one in found.rankings)
    unnamed = [method for method in methods if not any(method in name for name in names)]
    features = min(len(one.features) for one in found.rankings)
    sure = f"[{100 * level:g} % interval]"
    if features < FEWEST_RANKED:
        sure = f"{features} feature{'s have' if features > 1 else ' has'} too few orders to compare"
    elif found.episodes < 2:
        sure = "fewer than two episodes: no interval"
    by_chance = (
        f"by chance within ±{chance(features, 0.975):.2f} ({features} features)" if features >= FEWEST_RANKED else ""
    )
    return " and ".join(unnamed), "Spearman's, mean over episodes: 1 the same order, 0 unrelated", by_chance, sure


def _say(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GRAY)


def _draw(axes: Axes, found: Agreement, names: list[str]) -> None:
    """The lower triangle; the name of a column stands on its head, where the diagonal would be."""
    correlation, controls = found.correlation, [one.control for one in found.rankings]
    # A gap sets controls apart from what they are controls of.
    places = np.arange(len(names)) + _APART * (np.array(controls) & (not all(controls)))
    for row in range(1, len(names)):
        for column in range(row):
            numbers = [float(part[row, column]) for part in (correlation.value, correlation.low, correlation.high)]
            _cell(axes, places[column], places[row], *numbers)
    for column, name in enumerate(names[:-1]):
        head = (places[column] - 0.46, places[column] + 0.42)
        axes.text(*head, name, fontsize="small", color=INK, va="bottom", parse_math=False)
    axes.set_yticks(places[1:], labels=names[1:], parse_math=False)
    axes.set_xlim(-0.5, places[-2] + 0.5)
    axes.set_ylim(places[-1] + 0.5, 0.1)


def _cell(axes: Axes, x: float, y: float, value: float, low: float, high: float) -> None:
    from matplotlib.patches import Rectangle

    known, sure = np.isfinite(value), np.isfinite(low)
    face = signed_colors()((value + 1) / 2) if known else "#eeeeee"
    axes.add_patch(Rectangle((x - 0.475, y - 0.46), 0.95, 0.92, facecolor=face, edgecolor="none"))
    color = "white" if known and abs(value) > 0.75 else INK
    axes.text(x, y - 0.14 * sure, _two(value) if known else "–", ha="center", va="center", color=color)
    if sure:
        said = f"[{_two(low)}, {_two(high)}]"
        axes.text(x, y + 0.22, said, ha="center", va="center", color=color, fontsize="x-small")


def _two(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")
