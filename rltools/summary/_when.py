"""In which part of the episodes a feature matters most, where that is clear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rltools.recording import Recording
from rltools.summary._estimates import Bootstrap
from rltools.summary._pooling import scores_of
from rltools.summary._steps import explained, flat, grouped, usable
from rltools.summary._summary import Summary

THIRDS = ("the first third", "the middle third", "the last third")
REACHES = (10, 20, 40, 80, 160)
"""So many steps from the start or to the end are looked at beside the thirds."""
FEWEST_EPISODES = 5
"""In which a feature matters: of fewer the percentile interval is hardly more than their range."""
SHARPER = 0.25
"""So many steps count only where they are a smaller part of the episodes than this: otherwise a third says it."""
MOST, NOTABLE = 0.5, 0.4
"""What a part has to hold, at the lower end of its interval: most of it, or for a third clearly more than a third."""


@dataclass(frozen=True)
class When:
    """A part of the episodes in which much of a feature's importance lies.

    Attributes:
        feature: its name.
        part: of each episode, in words: `the last third`, `the last 40 steps`.
        share: of the feature's importance, from 0 to 1.
        low: lower end of the interval.
        high: upper end.
        even: what the share would be if the feature mattered as much at every step.
    """

    feature: str
    part: str
    share: float
    low: float
    high: float
    even: float

    @property
    def is_most(self) -> bool:
        """Whether more than half lies there, the interval included."""
        return self.low > MOST


def when(
    recording: Recording, summary: Summary, features: Sequence[str], *, resamples: int = 2000, seed: int = 0
) -> tuple[When, ...]:
    """The part of the episodes in which most of each feature's importance lies; features without a clear one left out.

    Importance is the magnitude that a summary has shares of. The shortest part that holds more than half of it is
    given, of thirds and of some numbers of steps at the start and the end; where none does, the third that holds
    clearly more than the others. "Clear" is said of the interval from resampled episodes, not of the estimate.

    Args:
        recording: where from.
        summary: of one of its attributions, not over a window, and of targets of one score: others have no common unit.
        features: names of some in the summary.
        resamples: how often the episodes are drawn anew.
        seed: of these draws.

    Raises:
        UnknownNameError: no feature of such a name.
    """
    if len(set(scores_of(summary.labels))) > 1 or not features:
        return ()
    sizes, steps = _sums(recording, summary, [summary.position(name) for name in features])
    if len(sizes) < FEWEST_EPISODES:
        return ()
    rare = (sizes[:, -1] > 0).sum(axis=0) < FEWEST_EPISODES
    bootstrap = Bootstrap(summary.level, resamples, seed)
    with np.errstate(invalid="ignore"):  # a feature that never matters has no share
        shares = bootstrap.intervals(lambda weights: {"": _shares(weights, sizes)}, len(sizes))[""]
    even = steps[:, :-1].sum(axis=0) / steps[:, -1].sum()
    found = []
    for at, name in enumerate(features):
        value, low, high = (end[:, at] for end in (shares.value, shares.low, shares.high))
        part = None if rare[at] else _clear(value, low, even)
        if part is not None:
            ends = float(value[part]), float(low[part]), float(high[part])
            found.append(When(name, _names()[part], *ends, float(even[part])))
    return tuple(found)


def _clear(value: np.ndarray, low: np.ndarray, even: np.ndarray) -> int | None:
    """The part to name: the shortest that holds most, else the fullest third that stands out."""
    short = np.concatenate([np.ones(len(THIRDS), bool), even[len(THIRDS) :] < SHARPER])
    most = np.flatnonzero(short & (low > MOST))
    if len(most):
        return int(min(most, key=lambda part: even[part]))
    fullest = int(np.argmax(np.nan_to_num(value[: len(THIRDS)])))
    return fullest if low[fullest] > NOTABLE else None


def _shares(weights: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    totals = np.tensordot(weights, sizes, 1)  # [draw, part, feature], the last part is all of it
    shares: np.ndarray = totals[:, :-1] / totals[:, -1:]
    return shares


def _sums(recording: Recording, summary: Summary, positions: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Magnitudes `[episode, part, feature]` and explained steps `[episode, part]`; the last part is the whole."""
    features, question = recording.features_of(summary.key), recording.question(summary.key)
    every = question.rows(features)
    merged = tuple(name for name, _ in every) != summary.features
    groups = [(question.rows(features, merged=True) if merged else every)[at] for at in positions]
    sizes, steps = [], []
    for episode, found in explained(recording, summary.key):
        rows = usable(found.values)
        values = flat(found.values, 2)[rows]
        of = np.abs(grouped(values if summary.deviation is None else values * summary.deviation, groups)).sum(axis=1)
        inside = _inside(len(episode))[:, rows].astype(np.float64)
        if rows.any():
            sizes.append(inside @ of)
            steps.append(inside.sum(axis=1))
    return np.array(sizes), np.array(steps)


def _inside(length: int) -> np.ndarray:
    """Bool `[part, step]`: which steps of an episode of this length belong to each part; all to the last one."""
    at = np.arange(length)
    thirds = [3 * at // max(length, 1) == third for third in range(len(THIRDS))]
    ends = [mask for reach in REACHES for mask in (at < reach, at >= length - reach)]
    return np.stack([*thirds, *ends, np.ones(length, bool)])


def _names() -> tuple[str, ...]:
    reaches = (f"the {end} {reach} steps" for reach in REACHES for end in ("first", "last"))
    return (*THIRDS, *reaches)
