"""What stands beside a plot to say what its colors mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rltools.plots.drawing.colors import signed_colors
from rltools.plots.drawing.labels import number
from rltools.plots.drawing.style import frameless

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap


Place = tuple[float, float]


def color_bar(
    axes: Axes,
    colors: Colormap,
    limits: tuple[float, float],
    label: str,
    ticks: Sequence[str] = ("{}", "{}"),
    place: Place = (0.1, 0.8),
) -> None:
    """The colors from the lower to the upper limit, on the right of the axes.

    Args:
        axes: the plot's.
        colors: of the plot.
        limits: the values at both ends.
        label: what they are, with their unit.
        ticks: how the lower and the upper limit are written.
        place: bottom and height in parts of the axes.
    """
    low, high = limits
    beside = axes.inset_axes((1.03, place[0], 0.022, place[1]))
    beside.imshow(np.linspace(1, 0, 256)[:, None], aspect="auto", cmap=colors, extent=(0, 1, low, high))
    beside.set_xticks([])
    marks = {low: ticks[0].format(number(low)), high: ticks[1].format(number(high))}
    if low == -high:
        marks[0] = "0"
    beside.set_yticks(list(marks), labels=list(marks.values()), fontsize="small")
    beside.yaxis.tick_right()
    beside.yaxis.set_label_position("right")
    beside.set_ylabel(label, fontsize="small", parse_math=False)
    beside.tick_params(length=0)
    frameless(beside)


def signed_bar(axes: Axes, place: Place, largest: float, unit: str) -> None:
    """What the colors of attributions mean, which end at plus and minus the largest one; others may lie beyond."""
    label = f"attribution\n({unit})".replace(" of ", "\nof ")
    color_bar(axes, signed_colors(), (-largest, largest), label, ("≤ {}", "≥ {}"), place)


def legend_beside(axes: Axes, handles: Sequence[Artist], labels: Sequence[str], title: str = "") -> None:
    """A legend on the right of the axes, its labels drawn as they are."""
    # Labels are set afterwards, because a legend leaves out those that begin with an underscore.
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
