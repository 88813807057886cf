"""Color bars and legends on the right of a plot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rltools._util.text import plural
from rltools.plots.drawing.colors import signed_colors
from rltools.plots.drawing.labels import number, plain
from rltools.plots.drawing.style import Measure, keep_spines

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap


Extent = tuple[float, float]
"""Bottom and height of a panel, as fractions of the axes."""
MAX_ACTIONS = 5
"""Actions that a legend names; the others share a color."""


def color_bar(
    axes: Axes,
    colors: Colormap,
    limits: tuple[float, float],
    label: str,
    ticks: Sequence[str] = ("{}", "{}"),
    extent: Extent = (0.1, 0.8),
) -> None:
    """Draw a color bar on the right of the axes.

    Args:
        axes: axes of the plot.
        colors: color map of the plot.
        limits: values at the lower and the upper end.
        label: quantity and unit.
        ticks: formats of the lower and the upper limit.
        extent: bottom and height, as fractions of the axes.
    """
    low, high = limits
    bar = axes.inset_axes((1.03, extent[0], 0.022, extent[1]))
    bar.imshow(
        np.linspace(1, 0, 256)[:, None], aspect="auto", cmap=colors, extent=(0, 1, low, high), interpolation="nearest"
    )
    bar.set_xticks([])
    marks = {low: ticks[0].format(number(low)), high: ticks[1].format(number(high))}
    if low == -high:
        marks[0] = "0"
    bar.set_yticks(list(marks), labels=list(marks.values()), fontsize="small")
    bar.yaxis.tick_right()
    bar.yaxis.set_label_position("right")
    bar.set_ylabel(label, fontsize="small", parse_math=False)
    bar.tick_params(length=0)
    keep_spines(bar)


def signed_bar(axes: Axes, extent: Extent, largest: float, quantity: Measure) -> None:
    """Draw the color bar of attributions, from minus to plus `largest`; values beyond have the colors of the ends."""
    label = f"{quantity.name},\nin {quantity.unit}"
    color_bar(axes, signed_colors(), (-largest, largest), label, ("≤ {}", "≥ {}"), extent)


def legend_beside(axes: Axes, handles: Sequence[Artist], labels: Sequence[str], title: str = "") -> None:
    """Draw a legend on the right of the axes, without parsing its labels as math."""
    # Labels are set afterwards, because matplotlib leaves out those that begin with an underscore.
    legend = axes.legend(
        handles,
        [""] * len(handles),
        loc="upper left",
        bbox_to_anchor=(1.01, 1),
        borderaxespad=0,
        fontsize="small",
        frameon=False,
        handlelength=1,
        labelspacing=0.35,
        handletextpad=0.4,
        title=title or None,
        title_fontsize="small",
        alignment="left",
    )
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set_parse_math(False)
        text.set_text(label)


def below_legend(axes: Axes, lines: int) -> float:
    """How high the axes are below a legend of so many lines at their upper right, as a fraction: an estimate."""
    figure = axes.get_figure(root=True)
    # Titles and labels take a part of what axes have before they are laid out.
    tall = 0.75 * axes.get_position().height * (figure.get_figheight() if figure else 4.0)
    return max(0.15, 1 - (0.21 * lines + 0.15) / tall)


def action_labels(names: Sequence[str]) -> list[str]:
    """The names of actions, short enough for a legend."""
    return [plain(name, 20) for name in names]


def most_taken(positions: np.ndarray) -> tuple[list[int], int]:
    """The (at most `MAX_ACTIONS`) actions taken most often, in their own order, and the number of other actions.

    Args:
        positions: int64 `[step]`, the action taken at each step.
    """
    different, counts = np.unique(positions, return_counts=True)
    named = sorted(different[np.argsort(-counts, kind="stable")[:MAX_ACTIONS]].tolist())
    return named, len(different) - len(named)


def others_label(count: int) -> list[str]:
    """The legend's entry for actions that share a color; empty if there are none."""
    return [plural(count, "other")] if count else []
