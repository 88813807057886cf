"""Averages attributions along aligned episodes, to show when features matter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.errors import ArgumentError
from rltools.recording import Episode, Recording
from rltools.recording.batches import explained_episodes
from rltools.stats import Interval
from rltools.summary._bins import BinSums, binned_means
from rltools.summary.episodes import GroupedDraws, Groups, flat, grouped, usable

ALIGNMENTS = ("time", "start", "end")


@dataclass(frozen=True)
class Phases:
    """Mean attributions by time in the episode.

    Attributes:
        positions: float `[bin]`: percent of the episode, or steps from the start, the end or the event.
        mean: `[bin, feature]`, over episodes with equal weights.
        reached: int64 `[bin]`, how many episodes have steps in the bin.
        episodes: how many episodes have explained steps and, if there is an event, the event.
        width: the width of a bin, in steps; in percent for normalized time.
    """

    positions: np.ndarray
    mean: Interval
    reached: np.ndarray
    episodes: int
    width: float

    __repr__ = short_repr


def phase_means(
    recording: Recording,
    key: str,
    positions: Sequence[int],
    *,
    label: int = 0,
    scale: np.ndarray | None = None,
    signed: bool = False,
    align: str = "time",
    event: Event | None = None,
    level: float = 0.95,
    groups: Groups | None = None,
) -> Phases:
    """Attributions of some features along the episodes, averaged over episodes.

    Args:
        recording: the recording that has the attribution.
        key: the folder name of an attribution in it.
        positions: the positions of the features.
        label: position of the label whose attributions are taken.
        scale: `[element]`, a factor for the attribution of each element; None for 1.
        signed: average signed attributions; otherwise magnitudes.
        align: how episodes are aligned without an event: "time" stretches all to one length; "start" counts from the
            first step, and "end" makes the last step -1.
        event: aligns episodes at an event: a feature and a number, for the first step at which it is larger; or a
            function from an episode to the step or None. Episodes without the event are left out.
        level: the level of the intervals, over episodes and draws.
        groups: what values are summed over, such as `Summary.rows`; None for the variables.

    Raises:
        RecordingError: an episode is not explained yet.
        ArgumentError: an unknown alignment.
        UnknownNameError: no feature has the name in `event`.
    """
    if align not in ALIGNMENTS:
        raise ArgumentError(
            f"align={align!r} is none of {', '.join(ALIGNMENTS)}; to align at an event, pass "
            f"event=(feature, number), for instance event=('left leg contact', 0.5)"
        )
    every = recording.rows(key) if groups is None else groups
    chosen = [every[position] for position in positions]
    series: list[Series] = []
    draws: list[np.ndarray | None] = []
    without_draws = GroupedDraws(recording, key, chosen, scale)
    for episode, attribution in explained_episodes(recording, key):
        rows = usable(attribution.values)
        zero = zero_step(recording, episode, align, event)
        if zero is None or not rows.any():
            continue
        of_label = flat(attribution.values[:, label], 1)
        values = grouped(of_label if scale is None else of_label * scale, chosen)
        values[~rows] = np.nan
        series.append(Series(values if signed else np.abs(values), zero))
        without = without_draws(episode.outcome.number)
        if without is None:
            draws.append(None)
        else:
            of_label = np.where(rows[:, None], without[:, :, label], np.nan)
            draws.append(of_label if signed else np.abs(of_label))
    stride = recording.spec(key).every
    width = max(stride, -(-span(series) // MOST_BINS))
    normalized = align == "time" and event is None

    def binned(episodes: Sequence[Series]) -> tuple[np.ndarray, BinSums]:
        return in_parts(episodes, len(chosen)) if normalized else in_steps(episodes, len(chosen), width)

    times, sums = binned(series)
    blocks = _by_block(draws)
    if blocks is not None:
        of_blocks = [
            [Series(values, each.zero) for values, each in zip(block, series, strict=True)] for block in blocks
        ]
        sums = replace(sums, without=np.stack([binned(block)[1].totals for block in of_blocks]))
    reached = (sums.counts > 0).sum(axis=0)
    means = binned_means(sums, level, "signed" if signed else "positive")
    return Phases(times, means, reached, len(series), 100 / PARTS if normalized else float(width))


def _by_block(draws: Sequence[np.ndarray | None]) -> list[list[np.ndarray]] | None:
    """From `[block, step, feature]` per episode, `[step, feature]` of each block and episode; None without draws."""
    complete = [part for part in draws if part is not None]
    if not complete or len(complete) < len(draws) or len({len(part) for part in complete}) > 1:
        return None
    return [[part[block] for part in complete] for block in range(len(complete[0]))]


PARTS = 25
"""Bins of an episode in normalized time."""
MOST_BINS = 100
Event = tuple[str, float] | Callable[[Episode], int | None]


@dataclass(frozen=True)
class Series:
    """The attributions `[step, feature]` of one episode, NaN if unexplained, and the step that counts as 0."""

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
    """Steps from the first to the last one of the aligned episodes."""
    if not series:
        return 0
    return max(len(each.values) - each.zero for each in series) + max(each.zero for each in series)


def in_parts(series: Sequence[Series], features: int) -> tuple[np.ndarray, BinSums]:
    """Bins of normalized time, each with the steps that it overlaps: an episode of one step is in all of them."""
    edges = np.linspace(0, 1, PARTS + 1)
    sums = _nothing(len(series), PARTS, features)
    for row, each in enumerate(series):
        # A bin that ends where a step does, up to rounding, does not reach into the next step.
        ends = edges * len(each.values)
        begins = np.floor(ends[:-1] + 1e-9).astype(int)
        for part, (begin, end) in enumerate(zip(begins, np.ceil(ends[1:] - 1e-9).astype(int), strict=True)):
            _add(sums, row, part, each.values[begin:end])
    return 100 * (edges[:-1] + edges[1:]) / 2, sums


def in_steps(series: Sequence[Series], features: int, width: int) -> tuple[np.ndarray, BinSums]:
    """Bins of `width` steps, one of which begins at 0."""
    first = min((-each.zero for each in series), default=0) // width
    last = max((len(each.values) - each.zero - 1 for each in series), default=-1) // width
    sums = _nothing(len(series), last - first + 1, features)
    for row, each in enumerate(series):
        bins = (np.arange(len(each.values)) - each.zero) // width - first
        for part in np.unique(bins):
            _add(sums, row, int(part), each.values[bins == part])
    return (np.arange(first, last + 1) + 0.5) * width - 0.5, sums


def _nothing(episodes: int, bins: int, features: int) -> BinSums:
    return BinSums(np.zeros((episodes, bins)), np.zeros((episodes, bins, features)))


def _add(sums: BinSums, row: int, part: int, values: np.ndarray) -> None:
    finite = values[np.isfinite(values).all(axis=1)]
    if len(finite):
        sums.counts[row, part] = 1
        sums.totals[row, part] = finite.mean(axis=0)
