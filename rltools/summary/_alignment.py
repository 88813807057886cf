"""Episodes laid upon one another: normalised in length, or at their starts, ends, or an event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rltools.recording import Episode, Recording
from rltools.summary._bins import BinSums
from rltools.summary._steps import flat

PARTS = 25
"""Of an episode, in normalised time."""
MOST_BINS = 100
Event = tuple[str, float] | Callable[[Episode], int | None]


@dataclass(frozen=True)
class Series:
    """One episode: attributions `[step, feature]`, NaN where there are none, and the step that is 0."""

    values: np.ndarray
    zero: int


def zero_step(recording: Recording, episode: Episode, align: str, event: Event | None) -> int | None:
    """The step that counts as 0: the first one, the one after the last, or that of the event; None without an event."""
    if event is None:
        return len(episode) if align == "end" else 0
    if callable(event):
        return event(episode)
    name, threshold = event
    place = recording.features.position(name)
    above = np.flatnonzero(flat(episode.states, 1)[:, place] > threshold)
    return int(above[0]) if len(above) else None


def span(series: Sequence[Series]) -> int:
    """How many steps there are from the first to the last, once the episodes are aligned."""
    if not series:
        return 0
    return max(len(one.values) - one.zero for one in series) + max(one.zero for one in series)


def in_parts(series: Sequence[Series], features: int) -> tuple[np.ndarray, BinSums]:
    """A bin for each part of an episode, with the steps that it overlaps: an episode of one step is in all of them."""
    edges = np.linspace(0, 1, PARTS + 1)
    sums = _nothing(len(series), PARTS, features)
    for row, one in enumerate(series):
        # A part that ends where a step does, but for rounding, does not reach into the next one.
        ends = edges * len(one.values)
        begins = np.floor(ends[:-1] + 1e-9).astype(int)
        for part, (begin, end) in enumerate(zip(begins, np.ceil(ends[1:] - 1e-9).astype(int), strict=True)):
            _add(sums, row, part, one.values[begin:end])
    return 100 * (edges[:-1] + edges[1:]) / 2, sums


def in_steps(series: Sequence[Series], features: int, width: int) -> tuple[np.ndarray, BinSums]:
    """A bin for every `width` steps, one of them beginning at 0."""
    first = min((-one.zero for one in series), default=0) // width
    last = max((len(one.values) - one.zero - 1 for one in series), default=-1) // width
    sums = _nothing(len(series), last - first + 1, features)
    for row, one in enumerate(series):
        bins = (np.arange(len(one.values)) - one.zero) // width - first
        for part in np.unique(bins):
            _add(sums, row, int(part), one.values[bins == part])
    return (np.arange(first, last + 1) + 0.5) * width - 0.5, sums


def _nothing(episodes: int, bins: int, features: int) -> BinSums:
    return BinSums(np.zeros((episodes, bins)), np.zeros((episodes, bins, features)))


def _add(sums: BinSums, row: int, part: int, values: np.ndarray) -> None:
    there = values[np.isfinite(values).all(axis=1)]
    if len(there):
        sums.counts[row, part] = 1
        sums.totals[row, part] = there.mean(axis=0)
