"""A dot for each step, colored by what was done or seen in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rltools.plots.drawing.colors import GRAY, action_color, value_colors
from rltools.plots.drawing.legends import color_bar, legend_beside
from rltools.plots.drawing.panels import action_labels, others, taken_most

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 4000
"""At most so many are drawn."""
Color = tuple[float, ...] | str


def draw_dots(axes: Axes, x: np.ndarray, y: np.ndarray, colors: Sequence[Color]) -> None:
    """Draw the steps in an order of chance, so that no color covers the others."""
    order = np.random.default_rng(0).permutation(len(x))
    mixed = [colors[at] for at in order]
    size = 10 if len(x) < 1000 else 6
    axes.scatter(x[order], y[order], c=mixed, s=size, linewidths=0, zorder=2, rasterized=True)


def color_by_action(axes: Axes, positions: np.ndarray, names: Sequence[str]) -> list[Color]:
    """The color of the action taken at each step, with a legend on the right; rare ones of many share a color.

    Args:
        axes: the plot's.
        positions: int64 `[step]`, among the names.
        names: of the actions.
    """
    from matplotlib.lines import Line2D

    named, rest = taken_most(positions)
    colors = {at: action_color(at) for at in named}
    labels = [*action_labels([names[at] for at in named]), *others(rest)]
    handles = [Line2D([], [], linestyle="", marker="o", color=color) for color in (*colors.values(), GRAY)]
    legend_beside(axes, handles[: len(labels)], labels, "action taken")
    return [colors.get(at, GRAY) for at in positions.tolist()]


def color_by_value(axes: Axes, values: np.ndarray, name: str) -> list[Color]:
    """The color of each value, with a scale on the right.

    Colors end beyond all but five percent at each side, or at the extremes of what is rarely another value.

    Args:
        axes: the plot's.
        values: float `[step]`.
        name: of what they are, with its unit.
    """
    low, high = (float(end) for end in np.percentile(values, [5, 95]))
    ends = ("≤ {}", "≥ {}")
    if high <= low:
        low, high, ends = float(values.min()), float(values.max()), ("{}", "{}")
    color_bar(axes, value_colors(), (low, high) if high > low else (low - 1, low + 1), name, ends)
    return [tuple(color) for color in value_colors()((values - low) / ((high - low) or 1.0))]
