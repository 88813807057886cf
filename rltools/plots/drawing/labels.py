"""Text in figures: names of any content made drawable and short, numbers, and text width."""

from __future__ import annotations

import math
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from rltools._util.text import number as number_text
from rltools._util.text import with_unit
from rltools.plots.drawing.paper import current_paper

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LONGEST = 36
"""Characters of a line; a label has at most two lines."""
NARROW_PART, CHARACTERS_PER_POINT = 0.38, 0.53
"""The part of the width of a paper's figure that a line may take, and the width of a character for a font size of 1."""
TICK_INCHES = 0.5
"""The room of a number below an axis."""
_VISIBLE = {"\n": "↵", "\r": "↵", "\t": "⇥"}


def longest() -> int:
    """Characters of a line of a label: `LONGEST`, and fewer in the figure of a narrow paper."""
    paper = current_paper()
    if paper is None or paper.width is None:
        return LONGEST
    return min(LONGEST, max(12, int(NARROW_PART * 72 * paper.width / paper.points / CHARACTERS_PER_POINT)))


def plain(text: str, limit: int = LONGEST) -> str:
    """The text on one line of at most `limit` characters, shortened in the middle; undrawable characters as codes.

    Draw it with `parse_math=False`: `$` and `%` are ordinary characters.
    """
    # Shorten first: looking up the fonts of 10,000 characters is slow.
    return "".join(_VISIBLE.get(character) or _drawable(character, _fonts()) for character in _shorten(text, limit))


def _shorten(text: str, limit: int) -> str:
    head = (limit - 1) * 2 // 3
    return text if len(text) <= limit else f"{text[:head]}…{text[len(text) - (limit - 1 - head) :]}"


def feature_labels(names: Sequence[str], units: Sequence[str]) -> list[str]:
    """`x velocity (m/s)` for each feature, on two lines if one is too short.

    Names that become equal when they are shortened get a number, counted from 1.
    """
    labels = [_label(name, unit) for name, unit in zip(names, units, strict=True)]
    return [
        _label(name, unit, f" #{index + 1}") if labels.count(label) > 1 else label
        for index, (name, unit, label) in enumerate(zip(names, units, labels, strict=True))
    ]


def _label(name: str, unit: str, number: str = "") -> str:
    unit_text = with_unit("", _fitted(unit, min(longest(), LONGEST - 5))).strip()
    suffix = f"{number} {unit_text}".rstrip()
    text = _fitted(name, 2 * longest() - len(suffix))
    if len(text + suffix) <= longest():
        return text + suffix
    if unit and len(text + number) <= longest():
        return f"{text}{number}\n{unit_text}"
    return _two_lines(text + suffix)


def _fitted(text: str, limit: int) -> str:
    """Like `plain`, but within the limit even if characters are replaced by codes."""
    return _shorten(plain(text, limit), limit)


def _two_lines(text: str) -> str:
    """The text on two lines, broken at the space nearest to its middle."""
    low, high = max(0, len(text) - longest() - 1), longest()
    spaces = [index for index in range(low, high + 1) if text[index] == " "]
    split = min(spaces, key=lambda index: abs(2 * index - len(text)), default=-1)
    middle = (len(text) + 1) // 2
    return f"{text[:split]}\n{text[split + 1 :]}" if split > 0 else f"{text[:middle]}\n{text[middle:]}"


def inches(labels: Iterable[str], *, points: float = 10) -> float:
    """Width in inches of the widest line of the labels, in a font of this size."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=points)
    lines = {line for label in labels for line in label.split("\n")}
    widths = (text_to_path.get_text_width_height_descent(line, font, ismath=False)[0] for line in lines)
    return max(widths, default=0.0) / 72


def number(value: float) -> str:
    """A number with three significant digits and a typographic minus sign."""
    return number_text(value, digits=3)


def amount(value: float, scale: float | None = None) -> str:
    """A return or a part of one: three significant digits, and all digits before the decimal point of up to a million.

    Args:
        value: the number; a dash if it is not finite.
        scale: magnitude of the largest number beside it, which has three significant digits; None is its own.

    >>> amount(-1234.4), amount(276.6), amount(8.15), amount(8.15, 440.0), amount(2.5e7), amount(float("nan"))
    ('−1,234', '277', '8.15', '8', '2.5e+07', '–')
    """
    size = abs(value) if scale is None else scale
    if not math.isfinite(value) or not 1e-3 <= size < 1e6:
        return number(value) if math.isfinite(value) else "–"
    decimals = max(0, 2 - math.floor(math.log10(size)))
    text = f"{value:z,.{decimals}f}".replace("-", "−")
    return text.rstrip("0").rstrip(".") if scale is None and decimals else text


def fixed(value: float, scale: float, digits: int = 2, sign: str = "") -> str:
    """A number with as many decimals as others of its scale, so that its width is constant in an animation.

    Args:
        value: the number; a dash if it is not finite.
        scale: magnitude of the largest number.
        digits: digits after the first one of the largest number.
        sign: "+" for a plus sign before positive numbers.
    """
    if not math.isfinite(value):
        return "–"
    if scale and not 1e-3 <= scale < 1e6:
        return number(value)
    decimals = max(0, min(6, digits - math.floor(math.log10(scale)))) if scale > 0 else 0
    text = f"{value:{sign}z.{decimals}f}".replace("-", "−")
    return text if text.strip("+0.") else text.lstrip("+")


def wrapped(parts: Iterable[str], width: int) -> str:
    """The parts joined by middle dots, with line breaks between parts after at most `width` characters."""
    lines: list[str] = []
    for part in filter(None, parts):
        if lines and len(lines[-1]) + 3 + len(part) <= width:
            lines[-1] += f" · {part}"
        else:
            lines += textwrap.wrap(part, max(width, 10)) or [part]
    return "\n".join(lines)


def most_ticks(width: float, most: int) -> int:
    """How many numbers have room below an axis of so many inches, but no more than `most`."""
    return max(2, min(most, int(width / TICK_INCHES)))


def set_y_labels(axes: Axes, labels: Sequence[str]) -> None:
    """Set tick labels at 0, 1, ..., in a smaller font if one of them has two lines."""
    size = "small" if any("\n" in label for label in labels) else "medium"
    axes.set_yticks(range(len(labels)), labels=labels, parse_math=False, fontsize=size)


def spread_apart(heights: Sequence[float], extents: Sequence[float]) -> list[float]:
    """The heights nearest to those given, in the same order, at which labels do not overlap.

    Args:
        heights: the heights of the centers of the labels, from 0 to 1.
        extents: how high each label is, in the same unit; labels leave [0, 1] only if they do not fit.
    """
    from scipy.optimize import isotonic_regression

    if not len(heights):
        return []
    order = np.argsort(heights, kind="stable")
    half = np.array(extents)[order] / 2
    offsets = np.concatenate([[0.0], np.cumsum(half[:-1] + half[1:])])
    # Minus these offsets, heights without overlap are heights that never decrease.
    lowered = isotonic_regression(np.array(heights)[order] - offsets).x
    spread = np.empty(len(order))
    spread[order] = np.clip(lowered, 0, max(1 - half[-1] - offsets[-1], 0)) + offsets
    return [float(height) for height in spread]


def _fonts() -> tuple[str, ...]:
    from matplotlib import font_manager, rcParams
    from matplotlib.font_manager import FontProperties

    families = rcParams["font.family"]
    return tuple(font_manager.findfont(FontProperties(family=[family])) for family in families)


@lru_cache(maxsize=4096)
def _drawable(character: str, fonts: tuple[str, ...]) -> str:
    """The character, or its escaped code point if no font has it."""
    from matplotlib.font_manager import get_font

    if unicodedata.category(character)[0] == "C" or not any(
        get_font(font).get_char_index(ord(character)) for font in fonts
    ):
        return f"\\u{ord(character):04x}"
    return character
