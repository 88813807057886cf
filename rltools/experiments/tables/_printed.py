"""How a table of an experiment is printed: which columns, with which digits, and which numbers are marked."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rltools._util.text import interval, number, percent, share_interval, two_decimals

if TYPE_CHECKING:
    import pandas as pd

MARKS = {"bold": "Bold", "italic": "Italic"}
WORDS = ("text", "name")
SWEEP = "sweep."
"""The beginning of the names of columns of swept keys."""


@dataclass(frozen=True)
class Column:
    """A column of a printed table.

    Attributes:
        heading: its heading.
        name: the column of the data.
        kind: "text" and "count" are written as they are, "name" with spaces for underscores, "number" with four
            digits, "percent" as a percentage and "correlation" with two decimals; the last three with the digits of
            their interval if they have one.
        low: the column of the lower end of the interval; "" for none.
        high: that of the upper end.
        bold: the column that says which numbers are bold; "" for none.
        italic: the column that says which numbers are italic; "" for none.
        wide: whether it has long texts, which are broken into lines.
    """

    heading: str
    name: str
    kind: Literal["text", "name", "count", "number", "percent", "correlation"] = "text"
    low: str = ""
    high: str = ""
    bold: str = ""
    italic: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Printed:
    """How a table is printed.

    Attributes:
        caption: what it shows, in a sentence or two.
        rows: the columns that say what a row is; those that are the same in all rows go into the caption.
        values: the columns with its numbers.
        across: columns of the data whose values become columns of numbers, for instance the method; then there is a
            single one in `values`.
        bold: what bold numbers are, in a few words; "" without any.
        italic: what italic numbers are, in a few words; "" without any.
        reduce: makes the rows that are printed from those of the data; None for all of them as they are.
    """

    caption: str
    rows: tuple[Column, ...]
    values: tuple[Column, ...]
    across: tuple[str, ...] = ()
    bold: str = ""
    italic: str = ""
    reduce: Callable[[pd.DataFrame], pd.DataFrame] | None = None


@dataclass(frozen=True)
class Cells:
    """A printed table as texts.

    Attributes:
        headings: of the columns.
        rows: the texts of each row, each with whether it is "bold", "italic" or neither, "".
        wide: for each column whether its texts are long.
        texts: for each column whether it holds words, not numbers.
        caption: with what is the same in all rows, and what the marks mean.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[tuple[str, str], ...], ...]
    wide: tuple[bool, ...]
    texts: tuple[bool, ...]
    caption: str


def cells(frame: pd.DataFrame, printed: Printed) -> Cells:
    """The texts of a table as it is printed."""
    if printed.reduce is not None:
        frame = printed.reduce(frame)
    if {"environment", "agent"} <= {column.name for column in printed.rows}:
        frame = _without_environments(frame)
    leading = _with_sweep(frame, printed.rows)
    constant = [column for column in leading if len(frame) > 1 and frame[column.name].nunique(dropna=False) == 1]
    fixed = [f"{each.heading}: {_text(frame.iloc[0], each)}" for each in constant if _text(frame.iloc[0], each)]
    marks = [f"{MARKS[mark]}: {meaning}" for mark in MARKS if (meaning := getattr(printed, mark))]
    caption = " ".join([printed.caption, *(f"{part}." for part in (*fixed, *marks))])
    rows = tuple(column for column in leading if column not in constant)
    if printed.across and len(frame):
        values, texts = _pivoted(frame, rows, printed)
    else:
        values = printed.values
        texts = [[_cell(row, column) for column in (*rows, *values)] for _, row in frame.iterrows()]
    columns = (*rows, *values)
    return Cells(
        tuple(column.heading for column in columns),
        tuple(_without_repeats(texts, len(rows))),
        tuple(column.wide for column in columns),
        tuple(column.kind in WORDS for column in columns),
        caption,
    )


def _without_environments(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with agents as the file names them: `winter`, not `winter@cold`, beside the column of environments."""
    places = frame[["agent", "environment"]].astype(str).itertuples(index=False, name=None)
    short = frame.assign(agent=[agent.replace(f"@{environment}", "", 1) for agent, environment in places])
    apart = [len(each[["agent", "environment"]].drop_duplicates()) for each in (frame, short)]
    return short if apart[0] == apart[1] else frame


def _with_sweep(frame: pd.DataFrame, rows: tuple[Column, ...]) -> tuple[Column, ...]:
    """The columns that say what a row is, with those of swept keys, unless the name of an agent has their values."""
    if any(column.name == "agent" for column in rows) or "group" not in frame.columns:
        return rows
    keys = [str(name) for name in frame.columns if str(name).startswith(SWEEP)]
    swept = [Column(key.rpartition(".")[2].capitalize(), key) for key in keys]
    place = next(index for index, column in enumerate(rows, 1) if column.name == "group")
    return (*rows[:place], *swept, *rows[place:])


def _pivoted(
    frame: pd.DataFrame, rows: tuple[Column, ...], printed: Printed
) -> tuple[tuple[Column, ...], list[list[tuple[str, str]]]]:
    """The columns of numbers, one for each value of `across`, and the texts of all rows."""
    (value,) = printed.values
    keys = list(dict.fromkeys(frame[list(printed.across)].itertuples(index=False, name=None)))
    headings = [_heading(key, keys) for key in keys]
    by_row: dict[tuple[Any, ...], dict[tuple[Any, ...], Any]] = {}
    for _, row in frame.iterrows():
        by_row.setdefault(tuple(row[[column.name for column in rows]]), {}).setdefault(
            tuple(row[list(printed.across)]), row
        )
    texts = [
        [
            *(_cell(next(iter(by_key.values())), column) for column in rows),
            *(_cell(by_key[key], value) if key in by_key else ("–", "") for key in keys),
        ]
        for by_key in by_row.values()
    ]
    return tuple(Column(heading, value.name, value.kind) for heading in headings), texts


def _heading(key: tuple[Any, ...], keys: list[tuple[Any, ...]]) -> str:
    """The first part of a key, and of the others those in which keys with the same first part differ."""
    alike = [other for other in keys if other[0] == key[0]]
    parts = [part for index, part in enumerate(key) if index == 0 or any(other[index] != part for other in alike)]
    return ", ".join(filter(None, map(str, parts))).replace("_", " ")


def _without_repeats(texts: list[list[tuple[str, str]]], count: int) -> list[tuple[tuple[str, str], ...]]:
    """The rows; what the row above says in the leading columns, but the last of these, is not repeated."""
    rows = []
    for above, row in zip([[], *texts[:-1]], texts, strict=True):
        alike = 0
        while above and alike < count - 1 and above[alike] == row[alike]:
            alike += 1
        rows.append((*[("", "")] * alike, *row[alike:]))
    return rows


def _cell(row: pd.Series[Any], column: Column) -> tuple[str, str]:
    """The text of a cell, and its mark."""
    mark = next((mark for mark in MARKS if (name := getattr(column, mark)) and str(row[name]) == "True"), "")
    return _text(row, column), mark


def _text(row: pd.Series[Any], column: Column) -> str:
    value = row[column.name]
    if column.kind in WORDS:
        return str(value).replace("_", " ") if column.kind == "name" else str(value)
    if column.kind == "count":
        return f"{int(value):,}"
    low, high = (float(row[end]) if end else math.nan for end in (column.low, column.high))
    if column.kind == "percent":
        return "".join(share_interval(float(value), low, high)) if column.low else percent(float(value))
    return interval(float(value), low, high, two_decimals if column.kind == "correlation" else number)
