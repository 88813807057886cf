"""What matters when, over episodes laid upon one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rltools.errors import ArgumentError
from rltools.recording import Recording
from rltools.short_repr import short_repr
from rltools.stats import Interval
from rltools.summary._alignment import MOST_BINS, PARTS, Event, Series, in_parts, in_steps, span, zero_step
from rltools.summary._bins import BinSums, binned_means
from rltools.summary._steps import explained, flat, grouped, usable, without_draws

ALIGNMENTS = ("time", "start", "end")


@dataclass(frozen=True)
class Phases:
    """Mean attributions by when in the episode.

    Attributes:
        at: float `[bin]`: percent of the episode, or steps from the start, the end or the event.
        mean: `[bin, feature]`, over episodes, each of which counts the same.
        reached: int64 `[bin]`, episodes that have such steps.
        episodes: how many have explained steps, and the event where one is asked for.
        width: of a bin, in steps; in percent for normalised time.
    """

    at: np.ndarray
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
) -> Phases:
    """Attributions of some features over the time of the episodes, averaged over episodes.

    Args:
        recording: where from.
        key: the folder name of an attribution in it.
        positions: of the features.
        label: position of the label whose attributions are taken.
        scale: `[entry]`, what each entry's attribution is multiplied with; 1 by default.
        signed: means of signed attributions, of magnitudes otherwise.
        align: what lies upon what where there is no event: "time" normalises the lengths; "start"; "end", where the
            last step is -1.
        event: what lies upon what: a feature and a number, for the first step at which it is larger; or a function
            that gives the step of an episode, None where there is none. Episodes without it are left out.
        level: of the intervals, over the episodes and what was drawn for all of them.

    Raises:
        RecordingError: an episode is not explained yet.
        ArgumentError: an alignment there is not.
        UnknownNameError: no feature has the name in `event`.
    """
    if align not in ALIGNMENTS:
        raise ArgumentError(
            f"align={align!r} is none of {', '.join(ALIGNMENTS)}; to align at something that happens, give "
            f"event=(feature, number), for instance event=('left leg contact', 0.5)"
        )
    told_apart = recording.question(key).rows(recording.features_of(key))
    groups = [told_apart[at] for at in positions]
    series: list[Series] = []
    draws: list[np.ndarray | None] = []
    for episode, found in explained(recording, key):
        rows = usable(found.values)
        zero = zero_step(recording, episode, align, event)
        if zero is None or not rows.any():
            continue
        of_label = flat(found.values[:, label], 1)
        values = grouped(of_label if scale is None else of_label * scale, groups)
        values[~rows] = np.nan
        series.append(Series(values if signed else np.abs(values), zero))
        without = without_draws(recording, key, episode.outcome.number, groups, scale)
        if without is None:
            draws.append(None)
        else:
            of_label = np.where(rows[:, None], without[:, :, label], np.nan)
            draws.append(of_label if signed else np.abs(of_label))
    every = recording.question(key).every
    width = max(every, -(-span(series) // MOST_BINS))
    normalised = align == "time" and event is None

    def binned(of: Sequence[Series]) -> tuple[np.ndarray, BinSums]:
        return in_parts(of, len(groups)) if normalised else in_steps(of, len(groups), width)

    at, sums = binned(series)
    blocks = _by_block(draws)
    if blocks is not None:
        of_blocks = [[Series(values, one.zero) for values, one in zip(block, series, strict=True)] for block in blocks]
        sums = replace(sums, without=np.stack([binned(block)[1].totals for block in of_blocks]))
    reached = (sums.counts > 0).sum(axis=0)
    means = binned_means(sums, level, "signed" if signed else "positive")
    return Phases(at, means, reached, len(series), 100 / PARTS if normalised else float(width))


def _by_block(draws: Sequence[np.ndarray | None]) -> list[list[np.ndarray]] | None:
    """`[step, feature]` of each block and episode, from `[block, step, feature]` of each episode; None if one lacks."""
    there = [part for part in draws if part is not None]
    if not there or len(there) < len(draws) or len({len(part) for part in there}) > 1:
        return None
    return [[part[block] for part in there] for block in range(len(there[0]))]
