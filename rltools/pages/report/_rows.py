"""The rows of a step: the variables of an observation, each with what was observed and what it adds to the score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rltools.recording import Recording
from rltools.spaces import Features
from rltools.summary import Summary

MOST_ROWS = 60
"""The most variables that are shown of a step: those with the largest shares."""


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
    """A row for each variable of a summary; one of several numbers has a row for each of them.

    There are none if a window of observations is explained, in which every element is there several times.
    """
    if recording.spec(main.key).window:
        return []
    features = recording.features_of(main.key)
    ranked = [main.rows[each.position] for each in main.top()]
    rows = [row for name, entries in ranked for row in _rows_of(features, name, np.sort(entries))][:MOST_ROWS]
    return sorted(rows, key=lambda row: int(row.entries[0]))


def _rows_of(features: Features, name: str, entries: np.ndarray) -> Iterator[ShownRow]:
    first = int(entries[0])
    part = next(part for part in features.parts if part.start <= first < part.stop)
    units = features.units or ("",) * features.size
    if part.is_image:
        yield ShownRow(name, "", entries, has_value=False)
    elif part.leaf.kind == "choice" and len(entries) > 1:
        yield ShownRow(name, "", entries, tuple(features.names[entry].removeprefix(f"{name}=") for entry in entries))
    else:
        for entry in map(int, entries):
            yield ShownRow(features.names[entry] if len(entries) > 1 else name, units[entry], np.array([entry]))
