"""A figure that shows itself where a notebook's cell ends with it, or with its axes.

Plots leave pyplot's state alone, so no `%matplotlib inline` knows of their figures; notebooks ask an object for its
picture.
"""

from __future__ import annotations

import io

from matplotlib.axes import Axes
from matplotlib.figure import Figure


class ShownFigure(Figure):
    """A figure that no global state knows of."""

    def _repr_png_(self) -> bytes:
        """The picture, for a notebook."""
        picture = io.BytesIO()
        self.savefig(picture, format="png", dpi=self.dpi, bbox_inches="tight")
        return picture.getvalue()


class ShownAxes(Axes):
    """Axes of such a figure: plots return these."""

    def _repr_png_(self) -> bytes | None:
        """The picture of the whole figure; None once the axes are taken out of it."""
        figure = self.get_figure(root=True)
        return figure._repr_png_() if isinstance(figure, ShownFigure) else None


def new_axes(inches: tuple[float, float]) -> Axes:
    """The only axes of a new figure of this width and height."""
    return ShownFigure(figsize=inches, layout="constrained").add_subplot(axes_class=ShownAxes)
