"""Figures that a notebook displays when a cell ends with them or with their axes.

Plots leave pyplot's state alone, so `%matplotlib inline` does not know their figures; `_repr_png_` displays them. This
is a module of its own because its classes need matplotlib at import time, which importing a plot must not load.
"""

from __future__ import annotations

import io

from matplotlib.axes import Axes
from matplotlib.figure import Figure


class NotebookFigure(Figure):
    """A figure that is not registered with pyplot."""

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
