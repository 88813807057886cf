"""Bars with arrow heads where a sign is meant, numbers inside where there is room, and the dots of few episodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rltools.plots.drawing.colors import theme_color
from rltools.plots.drawing.labels import inches

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer
    from matplotlib.patches import Polygon

HEAD_INCHES = 0.07
"""The length of an arrow head; a shorter bar is all head."""
_PAD_INCHES = 0.06
"""Between a bar's end and its number."""
_SMALL = 8.3
"""The size of small text in points, for 10 points of others."""


def draw_arrows(axes: Axes, width: float, starts: np.ndarray, ends: np.ndarray, height: float = 0.62) -> list[Polygon]:
    """Draw a bar with an arrow head for each row 0, 1, ...: orange to the right, purple to the left; returns them.

    Call it after the limits of the x axis are set, since heads have the same length at any scale.

    Args:
        axes: axes whose y is the row.
        width: of the data, in inches.
        starts: float `[row]`, where bars start.
        ends: float `[row]`, where their heads point to.
        height: of a bar, in rows.
    """
    from matplotlib.patches import Polygon

    low, high = axes.get_xlim()
    head = HEAD_INCHES / width * (high - low)
    arrows = []
    for row, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        sign = 1 if end > start else -1
        neck = end - sign * min(head, abs(end - start))
        upper, lower = row - height / 2, row + height / 2
        corners = [(start, upper), (neck, upper), (end, row), (neck, lower), (start, lower)]
        color = theme_color("raises" if end > start else "lowers")
        arrow = Polygon(corners, closed=True, facecolor=color, linewidth=0, zorder=2)
        axes.add_patch(arrow)
        arrows.append(arrow)
    return arrows


def write_in_bars(
    axes: Axes,
    width: float,
    texts: Sequence[str],
    starts: np.ndarray,
    ends: np.ndarray,
    *,
    clear: np.ndarray | None = None,
    rows: np.ndarray | None = None,
    pale: bool | np.ndarray = False,
    points: float = _SMALL,
) -> None:
    """Write a number into each bar at its start, or beyond its end where it does not fit.

    Args:
        axes: axes whose y is the row; the limits of x are set.
        width: of the data, in inches.
        texts: one for each row.
        starts: float `[row]`, where bars start.
        ends: float `[row]`, where bars end, on either side.
        clear: float `[row, 2]`, what else is drawn over a bar, such as an interval: numbers within end before it, and
            those beyond begin behind it. NaN for nothing.
        rows: float `[row]`, the heights of the rows; by default 0, 1, ...
        pale: whether bars are so pale that numbers inside have the color of ink; for all, or bool `[row]`.
        points: size of the text.
    """
    low, high = axes.get_xlim()
    inch = (high - low) / width
    heights = np.arange(len(texts)) if rows is None else rows
    over = np.full((len(texts), 2), np.nan) if clear is None else clear
    faint = np.broadcast_to(pale, len(texts))
    for text, start, end, ends_over, height, is_pale in zip(texts, starts, ends, over, heights, faint, strict=True):
        left = end < start
        near = np.nanmax([end, *ends_over]) if left else np.nanmin([end, *ends_over])
        far = np.nanmin([end, start, *ends_over]) if left else np.nanmax([end, start, *ends_over])
        inside = (inches([text], points=points) + 2 * _PAD_INCHES) * inch <= abs(near - start) - HEAD_INCHES * inch
        place, outward = (start, not left) if inside else (far, not left)
        axes.annotate(
            text,
            (place, height),
            xytext=(72 * _PAD_INCHES * (1 if outward else -1), 0),
            textcoords="offset points",
            ha="left" if outward else "right",
            va="center_baseline",
            fontsize="small",
            color=theme_color("paper") if inside and not is_pale else theme_color("ink"),
            parse_math=False,
            annotation_clip=False,
            zorder=5,
        )


def draw_shares(
    axes: Axes, rows: np.ndarray, values: np.ndarray, height: float = 0.7, *, hollow: bool = False
) -> BarContainer:
    """Draw bars of shares, which have no sign: all of one color, or only their edges."""
    return axes.barh(
        rows,
        np.nan_to_num(values),
        height=height,
        facecolor="none" if hollow else theme_color("accent"),
        edgecolor=theme_color("muted") if hollow else "none",
        linewidth=0.9 if hollow else 0,
        zorder=2,
    )


def draw_intervals(axes: Axes, rows: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
    """Draw a line from the lower to the upper end of each interval; none where they are NaN."""
    axes.hlines(rows, low, high, color=theme_color("paper"), linewidth=3.2, zorder=3)
    axes.hlines(rows, low, high, color=theme_color("ink"), linewidth=1.4, zorder=4)


def draw_episodes(axes: Axes, rows: np.ndarray, values: np.ndarray) -> None:
    """Draw a dot for each episode where there are too few for an interval; `values` are `[episode, row]`."""
    for of_episode in values:
        axes.plot(
            of_episode,
            rows,
            "o",
            color=theme_color("paper"),
            markeredgecolor=theme_color("ink"),
            markeredgewidth=0.9,
            markersize=4,
            zorder=4,
        )
