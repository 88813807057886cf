"""Makes a card from its kind and title, facts, sentences, a picture, a table with bars, and small print."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from rltools._util.html import render
from rltools._util.palette import palette
from rltools.pages.notebook._filmstrip import Picture

LONGEST = 80
"""The most characters of a name; longer names lose their middle."""
ROWS = 10


@dataclass(frozen=True)
class Bar:
    """A bar of a table, its lengths in percent of the column's width.

    Attributes:
        share: its length.
        interval: start and width; None if there is no interval.
    """

    share: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Row:
    """A row of a table: texts, then a bar if the table has bars, then numbers."""

    texts: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    bar: Bar | None = None


@dataclass(frozen=True)
class Table:
    """A table: the names of its columns, and its rows."""

    names: tuple[str, ...]
    rows: tuple[Row, ...]


def card(
    kind: str,
    title: str,
    *,
    facts: Sequence[str] = (),
    sentences: Sequence[str] = (),
    table: Table | None = None,
    notes: Sequence[str] = (),
    picture: Picture | None = None,
) -> str:
    """A card as HTML with its own style, for light and dark notebooks; names are escaped."""
    from markupsafe import Markup

    package = files("rltools.pages.notebook")
    style = package.joinpath("card.css").read_text(encoding="utf-8")  # the package's own text
    html = render(
        package.joinpath("card.html").read_text(encoding="utf-8"),
        style=Markup(f".rltools-card {{ --rltools-accent: {palette()['accent']}; }}\n{style}"),  # noqa: S704
        kind=kind,
        title=title,
        facts=list(facts),
        sentences=list(sentences),
        table=table,
        notes=list(notes),
        picture=picture,
    )
    return html.encode("utf-8", "replace").decode("utf-8")  # half of a surrogate pair, which no message can hold


def short(text: str) -> str:
    """A name of at most `LONGEST` characters, the middle left out."""
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[:half]}…{text[-half:]}"


def bar(share: float, low: float, high: float, longest: float) -> Bar:
    """The bar of a feature; `longest` is the share that fills the column."""
    scale = 100 / longest if longest > 0 else 0.0
    interval = None
    if math.isfinite(low) and math.isfinite(high):
        interval = (round(scale * low, 2), round(scale * (high - low), 2))
    length = round(scale * share, 2) if math.isfinite(share) else 0.0
    return Bar(length, interval)


def more_features(rows: int, features: int) -> tuple[str, ...]:
    """A note if some features have no row."""
    return () if rows == features else (f"and {features - rows:,} more of {features:,} features",)
