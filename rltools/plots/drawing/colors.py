"""Colors of actions, signed numbers, shares and values, the same in every plot; those of `_util/palette.css`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from rltools._util.palette import palette

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

_DARK: ContextVar[bool] = ContextVar("dark", default=False)
VALUE_LEVELS = 9
"""Colors of the scale of values, which is not continuous so that a page can give them other colors in the dark."""


def is_dark() -> bool:
    """Whether plots are drawn for a dark page."""
    return _DARK.get()


@contextmanager
def dark_colors(dark: bool = True) -> Iterator[None]:
    """A context in which the functions here give the colors of a dark page, or again those of a light one."""
    token = _DARK.set(dark)
    try:
        yield
    finally:
        _DARK.reset(token)


def theme_color(name: str) -> str:
    """A color of the palette as `#rrggbb`, dark or light as the page: ink, muted, line, grid, paper, measured, ...

    Example:
        >>> from rltools.plots.drawing.colors import theme_color
        >>> theme_color("raises")
        '#c2500c'
    """
    return palette(dark=is_dark())[name]


def action_color(position: int) -> str:
    """The color of the action at this position, in plots and replays; beyond the last they begin again."""
    count = sum(name.startswith("action-") for name in palette())
    return theme_color(f"action-{position % count}")


def signed_colors() -> Colormap:
    """Color map: purple below zero, paper at zero, orange above; gray for steps without attributions."""
    return _blended(("lowers", "paper", "raises"), is_dark())


def color_limit(values: np.ndarray) -> float:
    """End of a signed color scale: the 99th percentile of the magnitudes, so that a spike does not fade the rest."""
    sizes = np.abs(values[np.isfinite(values)])
    return float(np.percentile(sizes, 99)) or float(sizes.max()) or 1.0 if len(sizes) else 1.0


def share_colors() -> Colormap:
    """Color map from paper (0) to steel blue (large); gray for steps without attributions."""
    return _blended(("paper", "measured"), is_dark())


def value_colors() -> Colormap:
    """Color map of `VALUE_LEVELS` colors from blue (low) to yellow-green (high), all of them clear of the paper."""
    from matplotlib.colors import ListedColormap

    return ListedColormap([theme_color(f"value-{level}") for level in range(VALUE_LEVELS)], "values")


@cache
def _blended(names: Sequence[str], dark: bool) -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    colors = palette(dark=dark)
    blended = LinearSegmentedColormap.from_list(
        "-".join(names), [colors[name] for name in names], N=257
    )  # with a color for zero
    return blended.with_extremes(bad=colors["missing"])
