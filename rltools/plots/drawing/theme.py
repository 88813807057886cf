"""Matplotlib's settings for a plot in the font and the colors of our pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import as_file, files

from rltools.plots.drawing.colors import theme_color

FAMILY = "rltools"
"""Our font, in matplotlib as in the style sheets of pages."""


@contextmanager
def themed() -> Iterator[None]:
    """A context in which matplotlib draws with our font and colors; all other settings are kept.

    A font family that the caller has set is kept, too, since a paper has its own.
    """
    from matplotlib import rc_context

    ink, muted, paper = theme_color("ink"), theme_color("muted"), theme_color("paper")
    with rc_context(
        {
            "font.family": list(font_families()),
            "figure.facecolor": paper,
            "axes.facecolor": paper,
            "axes.edgecolor": muted,
            "axes.labelcolor": ink,
            "xtick.color": muted,
            "ytick.color": muted,
            "xtick.labelcolor": ink,
            "ytick.labelcolor": ink,
            "text.color": ink,
            "hatch.color": muted,
            "grid.color": theme_color("grid"),
            "legend.labelcolor": ink,
        }
    ):
        yield


def font_families() -> tuple[str, ...]:
    """Our font, and matplotlib's for what it lacks; those that the caller has set, if any are."""
    from matplotlib import rcParams, rcParamsDefault

    families = tuple(rcParams["font.family"])
    if families != tuple(rcParamsDefault["font.family"]):
        return families
    _register_font()
    return FAMILY, *families


@cache
def _register_font() -> None:
    """Let matplotlib know our font, once."""
    from matplotlib.font_manager import fontManager

    for name in ("regular", "semibold"):
        with as_file(files("rltools._util").joinpath("font", f"{name}.ttf")) as path:
            fontManager.addfont(path)
