"""Names as people can read them in a figure, whatever they hold."""

from __future__ import annotations

import math
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LONGEST = 36
"""A line of a label has at most so many characters, a label at most two lines."""
_VISIBLE = {"\n": "↵", "\r": "↵", "\t": "⇥"}


def plain(text: str, limit: int = LONGEST) -> str:
    """One line of at most `limit` characters, the middle left out; what cannot be drawn is shown by its code.

    Draw it with `parse_math=False`: `$` and `%` are characters like others.
    """
    # Cut first: a name of 10,000 characters needs no fonts looked up for all of them.
    return "".join(_VISIBLE.get(character) or _drawn(character, _fonts()) for character in _cut(text, limit))


def _cut(text: str, limit: int) -> str:
    head = (limit - 1) * 2 // 3
    return text if len(text) <= limit else f"{text[:head]}…{text[len(text) - (limit - 1 - head) :]}"


def feature_labels(names: Sequence[str], units: Sequence[str]) -> list[str]:
    """`x velocity (m/s)` for each feature, on two lines where one would be long.

    Names that are too long for two lines and alike where they are shown get their number, counted from 1.
    """
    labels = [_label(name, unit) for name, unit in zip(names, units, strict=True)]
    return [
        _label(name, unit, f" #{at + 1}") if labels.count(label) > 1 else label
        for at, (name, unit, label) in enumerate(zip(names, units, labels, strict=True))
    ]


def _label(name: str, unit: str, number: str = "") -> str:
    measured = f"({_short(unit, LONGEST - 2)})" if unit else ""
    ending = f"{number} {measured}".rstrip()
    shown = _short(name, 2 * LONGEST - len(ending))
    if len(shown + ending) <= LONGEST:
        return shown + ending
    if unit and len(shown + number) <= LONGEST:
        return f"{shown}{number}\n{measured}"
    return _halved(shown + ending)


def _short(text: str, limit: int) -> str:
    """As `plain`, and no longer than that either where a character is shown by its code."""
    return _cut(plain(text, limit), limit)


def _halved(text: str) -> str:
    """On two lines, broken at a space where there is one near the middle."""
    low, high = max(0, len(text) - LONGEST - 1), LONGEST
    at = min((at for at in range(low, high + 1) if text[at] == " "), key=lambda at: abs(2 * at - len(text)), default=-1)
    middle = (len(text) + 1) // 2
    return f"{text[:at]}\n{text[at + 1 :]}" if at > 0 else f"{text[:middle]}\n{text[middle:]}"


def inches(labels: Iterable[str], *, points: float = 10) -> float:
    """How wide the widest line of them is in a font of this size."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=points)
    lines = {line for label in labels for line in label.split("\n")}
    widths = (text_to_path.get_text_width_height_descent(line, font, ismath=False)[0] for line in lines)
    return max(widths, default=0.0) / 72


def number(value: float) -> str:
    """Three digits, with a minus sign and not a hyphen."""
    return f"{value:.3g}".replace("-", "−")


def fixed(value: float, scale: float, digits: int = 2, sign: str = "") -> str:
    """A number that keeps its width while it changes.

    Args:
        value: to be written; a dash where it is not finite.
        scale: the size of the largest one.
        digits: how many there are after the first one of that size.
        sign: "+" for a plus sign before what is above zero.
    """
    if not math.isfinite(value):
        return "–"
    if scale and not 1e-3 <= scale < 1e6:
        return number(value)
    decimals = max(0, min(6, digits - math.floor(math.log10(scale)))) if scale > 0 else 0
    text = f"{value:{sign}z.{decimals}f}".replace("-", "−")
    return text if text.strip("+0.") else text.lstrip("+")


def wrapped(parts: Iterable[str], width: int) -> str:
    """Parts joined by a middle dot, broken between parts where a line would be longer than `width` characters."""
    lines: list[str] = []
    for part in filter(None, parts):
        if lines and len(lines[-1]) + 3 + len(part) <= width:
            lines[-1] += f" · {part}"
        else:
            lines += textwrap.wrap(part, max(width, 10)) or [part]
    return "\n".join(lines)


def y_labels(axes: Axes, labels: Sequence[str]) -> None:
    """Tick labels at 0, 1, ... drawn as they are; smaller where one of them takes two lines."""
    axes.set_yticks(range(len(labels)), labels=labels, parse_math=False, fontsize=label_size(labels))


def label_size(labels: Iterable[str]) -> str:
    """Two lines only fit a row in a smaller font."""
    return "small" if any("\n" in label for label in labels) else "medium"


def _fonts() -> tuple[str, ...]:
    from matplotlib import font_manager, rcParams
    from matplotlib.font_manager import FontProperties

    families = rcParams["font.family"]
    return tuple(font_manager.findfont(FontProperties(family=[family])) for family in families)


@lru_cache(maxsize=4096)
def _drawn(character: str, fonts: tuple[str, ...]) -> str:
    from matplotlib.font_manager import get_font

    if unicodedata.category(character)[0] == "C" or not any(
        get_font(font).get_char_index(ord(character)) for font in fonts
    ):
        return f"\\u{ord(character):04x}"
    return character
