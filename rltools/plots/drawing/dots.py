"""Scatter plots with a dot for each step, colored by its action or by a value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rltools.plots.drawing.colors import action_color, theme_color, value_colors
from rltools.plots.drawing.legends import Extent, action_labels, color_bar, legend_beside, most_taken, others_label
from rltools.plots.drawing.steps import link_dots

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_DOTS = 1500
"""The most dots, each an element of a page; more are thinned out evenly."""
_FEW_DOTS = 800
Color = tuple[float, ...] | str


def draw_dots(
    axes: Axes, x: np.ndarray, y: np.ndarray, colors: Sequence[Color], numbers: np.ndarray, steps: np.ndarray
) -> None:
    """Draw a dot for each step, linked to it, in a random order so that no color covers the others.

    Args:
        axes: the axes.
        x: float `[step]`.
        y: float `[step]`.
        colors: the color of each step.
        numbers: int64 `[step]`, the number of its episode.
        steps: int64 `[step]`, its index in the episode.
    """
    order = np.random.default_rng(0).permutation(len(x))
    shuffled = [colors[position] for position in order]
    size = 11 if len(x) < _FEW_DOTS else 7
    dots = axes.scatter(x[order], y[order], c=shuffled, s=size, linewidths=0, zorder=2)
    link_dots(dots, numbers[order], steps[order])


def color_by_action(axes: Axes, positions: np.ndarray, names: Sequence[str]) -> list[Color]:
    """The color of the action taken at each step, with a legend on the right; rare actions share a color.

    Args:
        axes: the axes beside which the legend stands.
        positions: int64 `[step]`, indices into the names.
        names: names of all actions.
    """
    from matplotlib.lines import Line2D

    named, other_count = most_taken(positions)
    colors = {position: action_color(position) for position in named}
    labels = [*action_labels([names[position] for position in named]), *others_label(other_count)]
    handles = [
        Line2D([], [], linestyle="", marker="o", color=color) for color in (*colors.values(), theme_color("muted"))
    ]
    legend_beside(axes, handles[: len(labels)], labels, "action taken")
    return [colors.get(position, theme_color("muted")) for position in positions.tolist()]


def color_by_value(axes: Axes, values: np.ndarray, name: str, extent: Extent = (0.1, 0.8)) -> list[Color]:
    """The color of each value, with a color bar on the right.

    The color scale runs from the 5th to the 95th percentile; from the minimum to the maximum where these coincide.

    Args:
        axes: the axes beside which the color bar stands.
        values: float `[step]`.
        name: label of the color bar, with the unit.
        extent: bottom and height of the color bar, as fractions of the axes.
    """
    low, high = (float(end) for end in np.percentile(values, [5, 95]))
    end_labels = ("≤ {}", "≥ {}")
    if high <= low:
        low, high, end_labels = float(values.min()), float(values.max()), ("{}", "{}")
    color_bar(axes, value_colors(), (low, high) if high > low else (low - 1, low + 1), name, end_labels, extent)
    return [tuple(color) for color in value_colors()((values - low) / ((high - low) or 1.0))]
