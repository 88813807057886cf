"""Figures of the width that a paper needs: in a column or across a page, in its font size, without a heading inside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from rltools.errors import ArgumentError

PAPER_POINTS = 8.4
"""The font size of labels; numbers, legends and small print have five sixths of it, 7 points."""
LEAST_INCHES, MOST_INCHES = 2.0, 40.0


@dataclass(frozen=True)
class Paper:
    """What figures are drawn for.

    Attributes:
        width: of a new figure, in inches; None for the width that a plot needs.
        points: font size of labels.
        caption: whether title and small print stand above a plot.
    """

    width: float | None
    points: float
    caption: bool

    @property
    def settings(self) -> dict[Any, Any]:
        """Matplotlib's settings: the font size, thin lines, and fonts as TrueType."""
        return {
            "font.size": self.points,
            "axes.linewidth": 0.6,
            "xtick.major.width": 0.6,
            "ytick.major.width": 0.6,
            "savefig.dpi": 300,
            **TRUETYPE,
        }


TRUETYPE: dict[Any, Any] = {"pdf.fonttype": 42, "ps.fonttype": 42}
"""Type 42 is TrueType; many journals refuse Type 3, which is matplotlib's default."""
_PAPER: ContextVar[Paper | None] = ContextVar("paper", default=None)


def current_paper() -> Paper | None:
    """What figures are drawn for now; None for a screen."""
    return _PAPER.get()


@contextmanager
def paper(width: float | None = None, *, points: float = PAPER_POINTS, caption: bool = False) -> Iterator[None]:
    """A context in which every plot is drawn for a paper: of a given width, in small fonts, without title and caption.

    A figure that was drawn here keeps its look wherever it is saved, and text in its PDF stays text in TrueType fonts.
    Axes of your own (`axes=`) keep their size and have the fonts of this context; save their figure within it.
    `rltools.plots.caption` has as text what is left out above a plot.

    Args:
        width: of a new figure, in inches: 3.3 is a column and 6.9 a page of many journals; None for as wide as a plot
            needs at this font size.
        points: font size of labels; numbers, legends and small print have five sixths of it.
        caption: whether title and small print stand above a plot, as on a screen.

    Raises:
        ArgumentError: a figure cannot have this width, or text this size.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> recording = rltools.explain(recording, policy, method="gradient")
        >>> with rltools.plots.paper(width=3.3):
        ...     figure = rltools.plots.importance(recording).figure
        >>> figure.savefig("importance.pdf")
        >>> float(figure.get_figwidth())
        3.3
    """
    from matplotlib import rc_context

    if width is not None and not LEAST_INCHES <= width <= MOST_INCHES:
        raise ArgumentError(
            f"width={width!r} is no width of a figure in inches, which is {LEAST_INCHES:g} to {MOST_INCHES:g}: "
            f"3.3 is a column and 6.9 a page of many journals (1 in is 2.54 cm)"
        )
    if not 4 <= points <= 40:
        raise ArgumentError(f"points={points!r} is no font size of a figure; 7 to 10 are common, 4 to 40 possible")
    chosen = Paper(width, points, caption)
    token = _PAPER.set(chosen)
    try:
        with rc_context(chosen.settings):
            yield
    finally:
        _PAPER.reset(token)
