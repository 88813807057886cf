"""Figures that a notebook displays when a cell ends with them or with their axes.

Plots leave pyplot's state alone, so `%matplotlib inline` does not know their figures; `_repr_png_` displays them. This
is a module of its own because its classes need matplotlib at import time, which importing a plot must not load.
"""

from __future__ import annotations

import io
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rltools.plots.drawing.colors import dark_colors, is_dark
from rltools.plots.drawing.paper import TRUETYPE, current_paper
from rltools.plots.drawing.theme import themed


class NotebookFigure(Figure):
    """A figure that is not registered with pyplot, and that has theme and font size whenever it is drawn.

    Matplotlib creates ticks when it draws, with the settings of that moment. Fonts are TrueType in a PDF.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._dark = is_dark()
        paper = current_paper()
        self._settings = TRUETYPE if paper is None else paper.settings

    def draw(self, renderer: Any) -> None:
        """Draw with the font and the colors that the figure was made with."""
        with rc_context(self._settings), dark_colors(self._dark), themed():
            super().draw(renderer)

    def savefig(self, *args: Any, **settings: Any) -> None:
        """Save with the settings that the figure was made with."""
        with rc_context(self._settings):
            super().savefig(*args, **settings)

    def _repr_png_(self) -> bytes:
        """The figure as a PNG, for a notebook."""
        image = io.BytesIO()
        self.savefig(image, format="png", dpi=self.dpi, bbox_inches="tight")
        return image.getvalue()


class NotebookAxes(Axes):
    """Axes of a `NotebookFigure`; plots return these."""

    def _repr_png_(self) -> bytes | None:
        """The whole figure as a PNG; None if the axes were removed from it."""
        figure = self.get_figure(root=True)
        return figure._repr_png_() if isinstance(figure, NotebookFigure) else None


def new_axes(inches: tuple[float, float]) -> Axes:
    """The only axes of a new figure with this width and height in inches."""
    return NotebookFigure(figsize=inches, layout="constrained").add_subplot(axes_class=NotebookAxes)
