"""The pictures of an experiment's page as PDF: vectors, with fonts as TrueType, the same bytes each time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rltools._util.files import atomic_write
from rltools.pages.report._compared import Compared
from rltools.plots.drawing.colors import share_colors, theme_color
from rltools.plots.drawing.labels import feature_labels, plain
from rltools.plots.drawing.legends import legend_beside
from rltools.plots.drawing.paper import paper
from rltools.plots.drawing.style import canvas, heading, keep_spines
from rltools.plots.drawing.theme import themed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FIGURES = "figures"
"""The folder of the pictures within that of an experiment."""
MARKERS = (("o", True), ("o", False), ("D", True), ("D", False))
"""The mark of each run or group, and whether it is filled; as on the page."""
LONGEST_TITLE = 160
"""Characters of a title; the middle of a longer one is left out."""
DARK_CELL = 0.55
"""The share of the largest number from which text in a cell is light."""


def write_pdf(plot: Callable[[], Axes], path: Path) -> None:
    """Draw a plot at the size of a paper and write it as PDF, without a date."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with paper(points=8, caption=True):
        figure = plot().get_figure(root=True)
        if figure is None:
            raise AssertionError("a plot returned axes without a figure")
        with atomic_write(path) as temporary:
            figure.savefig(temporary, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})


def write_compared(pictures: Sequence[Compared], folder: Path) -> None:
    """Write each picture into the folder as PDF, under its name."""
    for compared in pictures:
        write_pdf(partial(draw_compared, compared), folder / f"{compared.name}.pdf")


def draw_compared(compared: Compared) -> Axes:
    """The numbers of up to four runs or groups as marks with intervals, one row for each feature; of more as shades."""
    with themed():
        return _marks(compared) if compared.lines else _shades(compared)


def _marks(compared: Compared) -> Axes:
    from matplotlib.lines import Line2D
    from matplotlib.ticker import FuncFormatter

    count = len(compared.runs)
    axes, inches = canvas(None, 0.9 + len(compared.features) * (0.2 + 0.13 * count), 2.6)
    color, paper = theme_color("measured"), theme_color("paper")
    step = 0.7 / max(1, count)
    for series, label in enumerate(compared.runs):
        marker, filled = MARKERS[series]
        for row, name in enumerate(compared.features):
            number = compared.numbers[label].get(name)
            if number is None:
                continue
            y = row + step * (series - (count - 1) / 2)
            if math.isfinite(number.low):
                axes.plot([number.low, number.high], [y, y], color=color, linewidth=1.2, zorder=2)
            if number.parts == "trainings":
                axes.plot(number.each, np.full(len(number.each), y), ".", color=theme_color("muted"), ms=3, zorder=3)
            axes.plot(number.share, y, marker, color=color, mfc=color if filled else paper, ms=5, zorder=4)
    axes.set_yticks(range(len(compared.features)), _short(compared.features), parse_math=False)
    axes.set_ylim(len(compared.features) - 0.5, -0.5)
    axes.axvline(0, color=theme_color("muted"), linewidth=0.8, zorder=1)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: compared.end(value)))
    axes.tick_params(axis="y", length=0)
    keep_spines(axes, "bottom")
    handles = [
        Line2D([], [], linestyle="", marker=marker, color=color, mfc=color if filled else paper)
        for marker, filled in MARKERS[:count]
    ]
    legend_beside(axes, handles, _short(compared.runs), "")
    heading(axes, inches, plain(compared.title, LONGEST_TITLE))
    return axes


def _shades(compared: Compared) -> Axes:
    axes, inches = canvas(None, 0.9 + 0.22 * len(compared.runs), 2.6)
    values = np.array([[cell.value for cell in cells] for _, cells in compared.rows])
    shades = np.array([[cell.shade for cell in cells] for _, cells in compared.rows])
    axes.imshow(
        np.where(np.isfinite(values), 0.75 * shades, np.nan), cmap=share_colors(), vmin=0, vmax=1, aspect="auto"
    )
    for row, (_, cells) in enumerate(compared.rows):
        for column, cell in enumerate(cells):
            ink = theme_color("paper" if 0.75 * cell.shade > DARK_CELL else "ink")
            text = axes.text(column, row, plain(cell.text), color=ink, fontsize="small", parse_math=False)
            text.set(ha="center", va="center")
    axes.set_xticks(range(len(compared.features)), _short(compared.features), rotation=30, ha="right", parse_math=False)
    axes.set_yticks(range(len(compared.runs)), _short(compared.runs), parse_math=False)
    axes.tick_params(length=0)
    keep_spines(axes)
    heading(axes, inches, plain(compared.title, LONGEST_TITLE))
    return axes


def _short(names: Sequence[str]) -> list[str]:
    """Names as they are drawn; those that become equal when they are shortened are told apart by their position."""
    return feature_labels(names, [""] * len(names))
