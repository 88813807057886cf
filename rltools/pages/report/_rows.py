"""The rows of a step: the variables of an observation, each with what was observed and what it adds to the score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from rltools.pages.replay.rows import rows_of
from rltools.recording import Recording
from rltools.spaces import Part
from rltools.summary import Summary

MOST_ROWS = 60
"""The most variables that are shown of a step; of more, those with the largest shares."""


@dataclass(frozen=True)
class ShownRow:
    """A variable of an observation.

    Attributes:
        name: its name.
        unit: its unit; "" for none.
        entries: row-major positions of its elements in the encoded observation.
        choices: the names of its values, if it is a choice; else empty.
        has_value: whether it has a value of its own, as a number or a choice and unlike a region of an image.
    """

    name: str
    unit: str
    entries: np.ndarray
    choices: tuple[str, ...] = ()
    has_value: bool = True

    def observed(self, states: np.ndarray) -> np.ndarray:
        """The values in `[step, element]`: float64 `[step]`, the position of a choice's value, NaN for a region."""
        if not self.has_value:
            return np.full(len(states), np.nan)
        of_row = states[:, self.entries]
        values: np.ndarray = of_row.argmax(axis=1) if self.choices else of_row[:, 0]
        return values.astype(np.float64)


def shown_rows(recording: Recording, main: Summary) -> list[ShownRow]:
    """A row for each number, each choice and each region of an image that an attribution explains."""
    features = recording.features_of(main.key)
    if features.size != recording.features.size:  # a window of observations has the same element several times
        return []
    choices = [row for part in features.parts if part.leaf.kind == "choice" for row in _choices(part, features.names)]
    chosen = {int(entry) for row in choices for entry in row.entries}
    others = [
        ShownRow(row.name, row.unit, row.entries, has_value=row.kind != "region")
        for row in rows_of(features)
        if int(row.entries[0]) not in chosen
    ]
    rows = sorted([*others, *choices], key=lambda row: int(row.entries[0]))
    if len(rows) <= MOST_ROWS:
        return rows
    mean = (main.overall.standardized_mean_absolute or main.overall.mean_absolute).value.sum(axis=0)
    groups = [elements for _, elements in recording.spec(main.key).rows(features)]
    sizes = np.zeros(features.size)
    for elements, size in zip(groups, np.nan_to_num(mean), strict=False):
        sizes[elements] = size / len(elements)
    ranked = sorted(rows, key=lambda row: -sizes[row.entries].sum())[:MOST_ROWS]
    return sorted(ranked, key=lambda row: int(row.entries[0]))


def summed_rows(values: np.ndarray, rows: Sequence[ShownRow]) -> np.ndarray:
    """Sums over the elements of each row, `[..., element]` -> float64 `[..., row]`."""
    return np.stack([values[..., row.entries].sum(axis=-1, dtype=np.float64) for row in rows], axis=-1)


def _choices(part: Part, names: tuple[str, ...]) -> list[ShownRow]:
    """A row for each choice of a leaf, whose elements are its possible values."""
    starts = [part.start + before for before in (0, *accumulate(part.leaf.sizes))]
    several = len(part.leaf.sizes) > 1
    return [
        ShownRow(
            " ".join(filter(None, (part.leaf.name or "observation", str(position) if several else ""))),
            "",
            np.arange(start, start + size),
            tuple(names[start : start + size]),
        )
        for position, (start, size) in enumerate(zip(starts, part.leaf.sizes, strict=False))
    ]
