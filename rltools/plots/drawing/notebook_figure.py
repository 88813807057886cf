"""Figures that a notebook displays when a cell ends with them or with their axes.

Plots leave pyplot's state alone, so `%matplotlib inline` does not know their figures; `_repr_png_` displays them. This
is a module of its own because its classes need matplotlib at import time, which importing a plot must not load.
"""

from __future__ import annotations

import io
import textwrap
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from rltools.plots.drawing.colors import dark_colors, is_dark
from rltools.plots.drawing.paper import TRUETYPE, current_paper
from rltools.plots.drawing.theme import themed

LEAST_CHARACTERS = 8
"""The label of an axis is not broken into shorter lines."""
MOST_LAYOUTS = 4
"""How often axes are laid out at most until their labels have room."""


class NotebookFigure(Figure):
    """A figure that is not registered with pyplot, and that has theme and font size whenever it is drawn.

    Matplotlib creates ticks when it draws, with the settings of that moment. Fonts are TrueType in a PDF. Labels of
    axes that are longer than the figure has room for get more lines, whoever has set them.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._dark = is_dark()
        paper = current_paper()
        self._settings = TRUETYPE if paper is None else paper.settings

    def draw(self, renderer: Any) -> None:
        """Draw with the font and the colors that the figure was made with."""
        with rc_context(self._settings), dark_colors(self._dark), themed():
            self._break_labels(renderer)
            super().draw(renderer)

    def _break_labels(self, renderer: Any) -> None:
        """Break labels of axes into lines that end within the figure."""
        labels = [(axes, axes.xaxis.label, False) for axes in self.axes]
        labels += [(axes, axes.yaxis.label, True) for axes in self.axes]
        # A label that is no longer than half of the figure has room wherever the layout puts its axes.
        long = [each for each in labels if _length(*each[1:], renderer) > self._side(upright=each[2]) / 2]
        # The lines of one label move the axes, and so the other label.
        for _ in range(MOST_LAYOUTS if long else 0):
            engine = self.get_layout_engine()
            if engine is not None:
                engine.execute(self)
            if not any(self._break_label(*each, renderer) for each in long):
                return

    def _break_label(self, axes: Axes, label: Text, upright: bool, renderer: Any) -> bool:
        """Break one label if it is too long where its axes are; returns whether it was."""
        box, side, text = axes.get_window_extent(renderer), self._side(upright=upright), label.get_text()
        middle = (box.y0 + box.y1) / 2 if upright else (box.x0 + box.x1) / 2
        room = 2 * min(middle, side - middle)
        if label.get_horizontalalignment() != "center" or label.get_rotation() != (90 if upright else 0):
            return False
        for characters in range(max(map(len, text.split("\n"))) - 1, LEAST_CHARACTERS, -1):
            if _length(label, upright, renderer) <= room:
                break
            label.set_text(textwrap.fill(text.replace("\n", " "), characters, break_long_words=False))
        return label.get_text() != text

    def _side(self, *, upright: bool) -> float:
        return float(self.bbox.height if upright else self.bbox.width)

    def savefig(self, *args: Any, **settings: Any) -> None:
        """Save with the settings that the figure was made with."""
        with rc_context(self._settings):
            super().savefig(*args, **settings)

    def _repr_png_(self) -> bytes:
        """The figure as a PNG, for a notebook."""
        image = io.BytesIO()
        self.savefig(image, format="png", dpi=self.dpi, bbox_inches="tight")
        return image.getvalue()


def _length(label: Text, upright: bool, renderer: Any) -> float:
    """The length of the longest line in pixels."""
    box = label.get_window_extent(renderer)
    return float(box.height if upright else box.width)


class NotebookAxes(Axes):
    """Axes of a `NotebookFigure`; plots return these."""

    def _repr_png_(self) -> bytes | None:
        """The whole figure as a PNG; None if the axes were removed from it."""
        figure = self.get_figure(root=True)
        return figure._repr_png_() if isinstance(figure, NotebookFigure) else None


def new_axes(inches: tuple[float, float]) -> Axes:
    """The only axes of a new figure with this width and height in inches."""
    return NotebookFigure(figsize=inches, layout="constrained").add_subplot(axes_class=NotebookAxes)
