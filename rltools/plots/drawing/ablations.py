"""What plots of an ablation share: small print, an axis of returns, and marks that are clipped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rltools._util.text import plural
from rltools.ablation.replacements import replaced_by
from rltools.plots.drawing.colors import theme_color
from rltools.plots.drawing.labels import amount, inches, most_ticks, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rltools.ablation import Ablation

TOP = 16
"""The most rows of players, unless another number is chosen."""
REACH = 2.0
"""Intervals are cut off at this multiple of the largest number: those of two or three seeds would flatten the rest."""


def describe_ablation(ablation: Ablation, *counts: str) -> tuple[str, ...]:
    """Small print: agent, environment, counts, what hidden features are replaced by, and episodes that failed."""
    specification = ablation.spec.environment
    environment = str(json.loads(specification)["id"]) if specification else ""
    failed = len(ablation.faults)
    return (
        plain(ablation.spec.policy, 40),
        plain(environment, 40) if environment != ablation.spec.policy else "",
        *counts,
        f"a hidden feature is {replaced(ablation.replace)}",
        f"{plural(failed, 'episode')} ended by a fault and left out" if failed else "",
    )


def replaced(name: str) -> str:
    """How hidden features are replaced: `replaced by that of another visited state`."""
    return plain(replaced_by(name), 120)


def seeds_note(seeds: np.ndarray) -> str:
    """Small print: the number of seeds, or the smallest and the largest."""
    many = int(seeds.max(initial=0))
    few = int(seeds.min(initial=many, where=seeds > 0))
    return f"{few} to {many} seeds" if few < many else plural(many, "seed")


def clipped(low: np.ndarray, high: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """Ends of intervals, NaN if unknown, no farther out than `REACH` times the largest value; and whether any is."""
    finite = np.abs(values[np.isfinite(values)])
    reach = REACH * (float(finite.max(initial=0)) or np.inf)
    beyond = bool((low < -reach).any() or (high > reach).any())
    return np.maximum(low, -reach), np.minimum(high, reach), beyond


def set_value_limits(
    axes: Axes, width: float, ends: np.ndarray, left_texts: Sequence[str], right_texts: Sequence[str]
) -> None:
    """Limit the x axis to these ends and zero, with room for the texts that stand beyond the ends on both sides.

    Args:
        axes: the axes.
        width: of the data, in inches.
        ends: of whatever is drawn, NaN for nothing.
        left_texts: the texts to the left of negative numbers.
        right_texts: the texts to the right of all others.
    """
    finite = np.append(ends[np.isfinite(ends)], 0.0)
    low, high = float(finite.min()), float(finite.max())
    if low == high:
        low, high = 0.0, 1.0
    room = [
        min(0.4, (inches(texts, points=8.3) + 0.14) / width) if texts else 0.02 for texts in (left_texts, right_texts)
    ]
    span = (high - low) / (1 - sum(room))
    axes.set_xlim(low - room[0] * span, high + room[1] * span)


def name_amounts(axes: Axes, width: float) -> None:
    """Write the numbers of the x axis, of this width in inches, as amounts of return, without an offset."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(most_ticks(width, 6), steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: amount(value)))


def draw_zero(axes: Axes) -> None:
    """Draw a line at zero."""
    axes.axvline(0, color=theme_color("ink"), linewidth=0.8, zorder=1.5)
