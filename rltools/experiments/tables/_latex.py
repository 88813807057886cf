r"""A printed table as LaTeX with the rules of booktabs, for `\input`."""

from __future__ import annotations

import re
import unicodedata

from rltools.experiments.tables._printed import Cells

LONGEST = 40
"""Rows of a table that fits a page; a longer one is a `longtable`, which is broken into pages."""
WIDE = "p{0.3\\linewidth}"
"""The column of long texts."""
_ESCAPED = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "−": "$-$",
    "–": "--",
    "±": r"$\pm$",
    "×": r"$\times$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "\u00a0": "~",
} | {special: f"\\{special}" for special in "&%$#_{}"}
_MARKED = {"bold": "textbf", "italic": "textit"}


def escaped(text: str) -> str:
    r"""Text as LaTeX that shows it as it is; Greek letters in math mode, and no control characters.

    >>> print(escaped("cos θ_1: 31 % [−2, 4]"))
    cos $\theta$\_1: 31 \% [$-$2, 4]
    """
    return "".join(_ESCAPED.get(character) or _letter(character) for character in text)


def _letter(character: str) -> str:
    if unicodedata.category(character)[0] in "CZ":
        return " "
    name = unicodedata.name(character, "")
    greek = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", name)
    if greek and greek[2] not in ("OMICRON", "FINAL"):
        letter = "lambda" if greek[2] == "LAMDA" else greek[2].lower()
        return f"$\\{letter if greek[1] == 'SMALL' else letter.capitalize()}$"
    return character


def latex(table: Cells, name: str) -> str:
    """The table as LaTeX.

    Args:
        table: its texts.
        name: the label is `tab:NAME`.
    """
    import pandas as pd

    marked = [[_wrapped(*cell) for cell in row] for row in table.rows]
    headings = [escaped(heading) for heading in table.headings]
    frame = pd.DataFrame(marked, columns=pd.Index(range(len(headings))), dtype=object)
    frame.columns = pd.Index(headings)
    formats = [WIDE if wide else "l" if words else "r" for wide, words in zip(table.wide, table.texts, strict=True)]
    long = len(table.rows) > LONGEST
    body = frame.style.hide(axis="index").to_latex(
        hrules=True,
        column_format="".join(formats),
        caption=escaped(table.caption),
        label=f"tab:{name}",
        position=None if long else "tbp",
        position_float=None if long else "centering",
        environment="longtable" if long else None,
    )
    return f"% needs \\usepackage{{booktabs{',longtable' if long else ''}}}\n{body}"


def _wrapped(text: str, mark: str) -> str:
    return f"\\{_MARKED[mark]}{{{escaped(text)}}}" if mark and text else escaped(text)
