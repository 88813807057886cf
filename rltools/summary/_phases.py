"""What matters when, over episodes laid upon one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rltools.errors import ArgumentError
from rltools.recording import Recording
from rltools.short_repr import short_repr
from rltools.summary._alignment import MOST_BINS, PARTS, Event, Series, in_parts, in_steps, span, zero_step
from rltools.summary._bins import binned_means
from rltools.summary._estimates import Bootstrap, Interval
from rltools.summary._steps import explained, flat, grouped, usable

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
    seed: int = 0,
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
        level: of the intervals, over resampled episodes.
        seed: of the draws.

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
    series = []
    for episode, found in explained(recording, key):
        rows = usable(found.values)
        zero = zero_step(recording, episode, align, event)
        if zero is None or not rows.any():
            continue
        of_label = flat(found.values[:, label], 1)
        values = grouped(of_label if scale is None else of_label * scale, groups)
        values[~rows] = np.nan
        series.append(Series(values if signed else np.abs(values), zero))
    every = recording.question(key).every
    width = max(every, -(-span(series) // MOST_BINS))
    normalised = align == "time" and event is None
    at, sums = in_parts(series, len(groups)) if normalised else in_steps(series, len(groups), width)
    reached = (sums.counts > 0).sum(axis=0)
    means = binned_means(sums, Bootstrap(level, 2000, seed))
    return Phases(at, means, reached, len(series), 100 / PARTS if normalised else float(width))
