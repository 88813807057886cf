"""Draws figures for animations: a static background once, and moving artists over a copy of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends import backend_agg
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle

from rltools.plots.drawing.colors import is_dark, theme_color
from rltools.plots.drawing.style import keep_spines
from rltools.plots.drawing.theme import font_families, themed

if TYPE_CHECKING:
    from PIL.Image import Image

agg: Any = backend_agg  # it has no types
_TEETH, _TOOTH = 2.5, 6.0
"""How many teeth the torn end of a bar has, and how deep they are in units."""
LARGE, MEDIUM, SMALL, TINY = 14.0, 11.5, 9.4, 8.3
"""Font sizes in points."""


class Sheet:
    """A figure of 1280 x 720 units at any resolution; text is in points, with 100 units per inch.

    Args:
        width: width in pixels. Width and height are rounded to even numbers, which video codecs need.
    """

    def __init__(self, width: int) -> None:
        size = np.array([width + width % 2, 2 * round(width * 9 / 32)])
        self.scale: np.ndarray = size / (1280, 720)
        self.dpi: float = float(size[0] / 12.8)
        # A hundredth of a pixel more, since rounding could lose a whole one.
        self.figure: Figure = Figure(tuple((size + 0.01) / self.dpi), dpi=self.dpi, facecolor=theme_color("paper"))
        self.canvas: Any = agg.FigureCanvasAgg(self.figure)
        self.pixels: np.ndarray = np.asarray(self.canvas.get_renderer().buffer_rgba())
        self.moving: list[Callable[[int], object]] = []
        self.background: Any = None

    def draw(self, step: int) -> np.ndarray:
        """The image of a step, uint8 `[y, x, 4]`; the next call overwrites it."""
        if self.background is None:
            with themed():
                self.canvas.draw()
            self.background = self.canvas.copy_from_bbox(self.figure.bbox)
        self.canvas.restore_region(self.background)
        for move in self.moving:
            move(step)
        return self.pixels

    def axes(self, x: float, y: float, width: float, height: float, **choices: Any) -> Axes:
        """Axes without spines and ticks; x and y are the upper left corner, `choices` go to `add_axes`."""
        box = (x / 1280, 1 - (y + height) / 720, width / 1280, height / 720)
        axes = self.figure.add_axes(box, **{"facecolor": "none", "xticks": [], "yticks": []} | choices)
        axes.tick_params(length=0, labelsize=7.9, labelcolor=theme_color("muted"))
        keep_spines(axes)
        return axes

    def block(self, x: float, y: float, width: float, height: float, color: str) -> Rectangle:
        """A filled rectangle, at least one pixel high; x and y are its upper left corner."""
        height = max(height, 1 / self.scale[1])
        corner = ((x / 1280, 1 - (y + height) / 720), width / 1280, height / 720)
        rectangle = Rectangle(*corner, facecolor=color, linewidth=0, transform=self.figure.transFigure)
        self.figure.add_artist(rectangle)
        return rectangle

    def image(self, x: float, y: float, width: float, height: float, image: Callable[[int], Image]) -> None:
        """Draw an image for each step, scaled to this size; pixels of small images stay sharp."""
        from PIL.Image import Resampling

        left, top, right, bottom = np.rint([x, y, x + width, y + height] * np.tile(self.scale, 2)).astype(int)
        region = self.pixels[top:bottom, left:right, :3]

        def move(step: int) -> None:
            picture = image(step).convert("RGB")
            small = max(picture.size) < 128 and picture.width <= region.shape[1]
            region[:] = picture.resize(region.shape[1::-1], Resampling.NEAREST if small else Resampling.BILINEAR)

        self.moving.append(move)

    def text(self, x: float, y: float, text: str, points: float = SMALL, **look: Any) -> None:
        """Draw a static line of text; y is its baseline, `look` as for `Figure.text`."""
        self.figure.text(
            x / 1280,
            1 - y / 720,
            text,
            fontsize=points,
            parse_math=False,
            **{"color": theme_color("ink"), "family": font_families()} | look,
        )

    def move(self, artist: Artist, change: Callable[[int], object]) -> None:
        """Draw an artist at each step, after `change` has updated it."""
        artist.set_animated(True)
        self.moving += [change, lambda step: artist.draw(self.canvas.get_renderer())]

    def bar(
        self,
        zero: float,
        y: float,
        height: float,
        lengths: np.ndarray,
        colors: Sequence[Any],
        *,
        longest: float = np.inf,
    ) -> None:
        """Draw a horizontal bar at each step, which starts at `zero`; a bar that is cut at `longest` has a torn end.

        Args:
            zero: x of its start.
            y: y of its middle.
            height: height of the bar.
            lengths: float `[step]`, to the right if positive; no bar for NaN.
            colors: the colors of negative and of positive bars.
            longest: the length at which bars are cut.
        """
        beyond = np.abs(np.nan_to_num(lengths)) > longest
        lengths = np.clip(lengths, -longest, longest)
        top, bottom = np.rint((y + np.array([-height, height]) / 2) * self.scale[1]).astype(int)
        start, shades = round(zero * self.scale[0]), np.rint(255 * to_rgba_array(colors)[:, :3])
        ends = np.rint((zero + np.nan_to_num(lengths)) * self.scale[0]).astype(int)
        teeth = np.abs(2 * (np.linspace(0, _TEETH, max(bottom - top, 0)) % 1) - 1)
        tear = np.rint(_TOOTH * self.scale[0] * teeth).astype(int)

        def move(step: int) -> None:
            left, right = sorted((start, int(ends[step])))
            shade = shades[int(ends[step] > start)]
            if not beyond[step]:
                self.pixels[top:bottom, left:right, :3] = shade
                return
            for line, depth in zip(self.pixels[top:bottom], tear, strict=True):
                line[slice(left, right - depth) if ends[step] > start else slice(left + depth, right), :3] = shade

        self.moving.append(move)

    def moving_text(
        self,
        x: float,
        y: float,
        texts: Sequence[str],
        points: float = SMALL,
        bold: bool | np.ndarray = False,
        *,
        color: str | None = None,
        right: bool = False,
    ) -> None:
        """Draw a text at each step, with its middle at y.

        Args:
            x: start of the text, or its end if `right`.
            y: y of its middle.
            texts: text of each step.
            points: font size.
            bold: whether the text is bold and in ink color, bool `[step]` or for all steps.
            color: color of text that is not bold; None for ink.
            right: whether the text is right-aligned.
        """
        bold, ink, dark = np.broadcast_to(bold, len(texts)), theme_color("ink"), is_dark()

        def move(step: int) -> None:
            lines = texts[step].split("\n")
            style = points, self.dpi, bool(bold[step]), ink if bold[step] else color or ink
            for k, line in enumerate(lines):
                if line:
                    stamp = _stamp(line, *style, dark)
                    middle = y * self.scale[1] + (k - (len(lines) - 1) / 2) * 0.8 * len(stamp)
                    left = max(0, round(x * self.scale[0]) - right * stamp.shape[1])
                    top = round(middle - len(stamp) / 2)
                    region = self.pixels[top : top + len(stamp), left : left + stamp.shape[1]]
                    inked = np.maximum if dark else np.minimum  # light ink on dark paper, dark ink on white
                    inked(region, stamp[: len(region), : region.shape[1]], out=region)

        self.moving.append(move)


@lru_cache(maxsize=1024)
def _stamp(text: str, points: float, dpi: float, bold: bool, color: str, dark: bool) -> np.ndarray:
    """A line of text on white, or on black if it is for a dark page, uint8 `[y, x, 4]`.

    Numbers are composed of cached digits, because matplotlib takes half a millisecond for each text.
    """
    return np.hstack([_part(part, points, dpi, bold, color, dark) for part in re.findall(r"\d|\D+", text)])


@lru_cache(maxsize=4096)
def _part(text: str, points: float, dpi: float, bold: bool, color: str, dark: bool) -> np.ndarray:
    """A part of a line of text, as wide as its advance."""
    font, em = (
        FontProperties(family=list(font_families()), size=points, weight="bold" if bold else "normal"),
        points * dpi / 72,
    )
    measure = agg.RendererAgg(1, 1, dpi).get_text_width_height_descent
    width = measure(text + "0", font, False)[0] - measure("0", font, False)[0]
    renderer = agg.RendererAgg(max(1, round(width)), round(1.5 * em), dpi)
    pixels, context = np.asarray(renderer.buffer_rgba()), renderer.new_gc()
    pixels[:] = (0, 0, 0, 255) if dark else 255
    context.set_foreground(color)
    renderer.draw_text(context, 0, round(1.12 * em), text, font, 0)
    return pixels
