"""Drawing in the units of a picture 1280 wide, at any width."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from rltools.videos._colors import Color, color

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

Points = list[tuple[float, float]]
WIDE, HIGH = 1280, 720
SMOOTH = 4
"""Lines are drawn so many times larger, because Pillow draws them jagged."""


@dataclass(frozen=True)
class Pen:
    """Something to draw with, on one picture.

    Attributes:
        image: RGB.
        draw: on it.
        scale: pixels to a unit.
    """

    image: Image
    draw: ImageDraw
    scale: float

    def text(
        self,
        place: tuple[float, float],
        text: str,
        ink: str = "ink",
        *,
        size: float = 13,
        bold: bool = False,
        anchor: str = "ls",
    ) -> None:
        """One line; `anchor` as Pillow has it: left, middle or right, and its base or middle."""
        at = (place[0] * self.scale, place[1] * self.scale)
        self.draw.text(at, text, fill=color(ink), font=font(size * self.scale, bold), anchor=anchor)

    def box(self, x: float, y: float, width: float, height: float, fill: Color) -> None:
        """A filled rectangle; nothing where it is less than half a pixel wide."""
        left, top = round(x * self.scale), round(y * self.scale)
        right, bottom = round((x + width) * self.scale), round((y + height) * self.scale)
        if right > left and bottom > top:
            self.draw.rectangle((left, top, right - 1, bottom - 1), fill=fill)

    def paste(self, x: float, y: float, picture: Image) -> None:
        """A picture that has the size it is to be seen at."""
        self.image.paste(picture, (round(x * self.scale), round(y * self.scale)))

    def size(self, width: float, height: float) -> tuple[int, int]:
        """Of a picture that is to be pasted, in pixels."""
        return max(1, round(width * self.scale)), max(1, round(height * self.scale))

    def lines(self, box: tuple[float, float, float, float], runs: Sequence[Points], ink: Color) -> None:
        """Lines through points in parts of the box `x, y, width, height`; one of a single point is a dot."""
        from PIL import Image, ImageDraw

        width, height = self.size(*box[2:])
        mask = Image.new("L", (width * SMOOTH, height * SMOOTH))
        on, thick = ImageDraw.Draw(mask), round(1.6 * self.scale * SMOOTH)
        for points in runs:
            places = [(x * mask.width, y * mask.height) for x, y in points]
            if len(places) == 1:
                on.circle(places[0], thick, fill=255)
            on.line(places, fill=255, width=thick, joint="curve")
        smooth = mask.resize((width, height), Image.Resampling.BOX)
        self.image.paste(ink, (round(box[0] * self.scale), round(box[1] * self.scale)), smooth)


def pen(image: Image) -> Pen:
    """To draw on a picture of any width."""
    from PIL import ImageDraw

    return Pen(image, ImageDraw.Draw(image), image.width / WIDE)


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Of one line, in units."""
    # Letters are fitted to pixels, so that they are not quite as wide at another size.
    return 1.02 * font(size, bold).getlength(text)


def fitted(text: str, width: float, size: float, *, bold: bool = False) -> str:
    """One line that is not wider than that, cut in the middle."""
    if text_width(text, size, bold=bold) <= width:
        return text
    kept = len(text)
    while kept > 1:
        kept -= 1
        head = (kept + 1) // 2
        short = f"{text[:head].rstrip()}…{text[len(text) - (kept - head) :].lstrip()}"
        if text_width(short, size, bold=bold) <= width:
            return short
    return "…"


@lru_cache(maxsize=64)
def font(size: float, bold: bool) -> FreeTypeFont:
    """The one that plots use, so that `plots.text.plain` knows what it can draw."""
    from matplotlib.font_manager import FontProperties, findfont
    from PIL import ImageFont

    path = findfont(FontProperties(weight="bold" if bold else "normal"))
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
