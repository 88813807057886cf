"""Finds the part of the episodes in which a feature matters most, if that is clear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from rltools.recording import Recording
from rltools.recording.batches import explained_episodes
from rltools.recording.draws import draw_origins
from rltools.stats import Jackknife, jackknife, standing
from rltools.summary._data import SummaryData
from rltools.summary._estimates import scores_of
from rltools.summary.episodes import GroupedDraws, flat, grouped, joined_draws, usable

THIRDS = ("the first third", "the middle third", "the last third")
REACHES = (10, 20, 40, 80, 160)
"""Numbers of steps at the start or the end that count as parts of an episode, besides the thirds."""
FEWEST_EPISODES = 5
"""How many episodes a feature must matter in for a statement about the course of an episode."""
SHARPER = 0.25
"""Steps at the start or the end are a part only if they are a smaller share of the episodes than this."""
MOST, NOTABLE = 0.5, 0.4
"""The share that the lower end of a part's interval must exceed: half, or clearly more than a third for a third."""


@dataclass(frozen=True)
class When:
    """A part of the episodes in which much of a feature's importance lies.

    Attributes:
        feature: its name.
        part: the part of each episode, in words: `the last third`, `the last 40 steps`.
        share: the share of the feature's importance, from 0 to 1.
        low: lower end of the interval.
        high: upper end.
        even: the share if the feature mattered equally at every step.
    """

    feature: str
    part: str
    share: float
    low: float
    high: float
    even: float

    @property
    def is_third(self) -> bool:
        """Whether the part is a third of each episode."""
        return self.part in THIRDS


def when(recording: Recording, summary: SummaryData, features: Sequence[str]) -> tuple[When, ...]:
    """The part of the episodes in which most of each feature's importance lies, for features with a clear one.

    Importance is the magnitude whose shares a summary has. The part is the shortest one that holds more than half of
    it, among thirds and some numbers of steps at the start and the end; if none does, the third that holds clearly more
    than each other third. A part is clear where intervals say so, not estimates.

    Args:
        recording: the recording that has the attribution.
        summary: the summary of one of its attributions, not over a window, and of targets of one score: others have no
            common unit.
        features: names of features in the summary.

    Raises:
        UnknownNameError: no feature has such a name.
    """
    if len(set(scores_of(summary.labels))) > 1 or not features:
        return ()
    sizes, steps, without, origins = _sums(recording, summary, [summary.position(name) for name in features])
    if len(sizes) < FEWEST_EPISODES:
        return ()
    rare = (sizes[:, -1] > 0).sum(axis=0) < FEWEST_EPISODES
    with np.errstate(invalid="ignore"):  # a feature that never matters has no share
        drawn = jackknife(_shares, [sizes], [] if without is None else [without], origins)[""]
        shares = drawn.interval(summary.level, "share")
    even = steps[:, :-1].sum(axis=0) / steps[:, -1].sum()
    timed = []
    for index, name in enumerate(features):
        value, low, high = (end[:, index] for end in (shares.value, shares.low, shares.high))
        third = drawn.map(itemgetter((..., index)))
        part_index = None if rare[index] else _clear(third, low, even, summary.level)
        if part_index is not None:
            ends = float(value[part_index]), float(low[part_index]), float(high[part_index])
            timed.append(When(name, _names()[part_index], *ends, float(even[part_index])))
    return tuple(timed)


def _clear(shares: Jackknife, low: np.ndarray, even: np.ndarray, level: float) -> int | None:
    """The shortest part that holds most, else the third that certainly holds more than the others."""
    short = np.concatenate([np.ones(len(THIRDS), bool), even[len(THIRDS) :] < SHARPER])
    most = np.flatnonzero(short & (low > MOST))
    if len(most):
        return int(min(most, key=lambda part: even[part]))
    thirds = slice(len(THIRDS))
    order = standing(shares.map(lambda numbers: numbers[..., thirds]), level)
    fullest = int(order.order[0])
    return fullest if order.certain and low[fullest] > NOTABLE else None


def _shares(totals: np.ndarray) -> dict[str, np.ndarray]:
    """Shares of sums `[draw, part, feature]`, whose last part is the whole episode."""
    return {"": totals[:, :-1] / totals[:, -1:]}


def _sums(
    recording: Recording, summary: SummaryData, positions: Sequence[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Magnitudes `[episode, part, feature]`, explained steps `[episode, part]`; the last part is the whole.

    Also the magnitudes over all episodes without each block of draws, `[block, part, feature]`, and how many
    references of each block come from each episode; None without draws.
    """
    groups = [summary.rows[position] for position in positions]
    sizes, steps, numbers = [], [], []
    draws: list[np.ndarray | None] = []
    without_draws = GroupedDraws(recording, summary.key, groups, summary.std)
    for episode, attribution in explained_episodes(recording, summary.key):
        rows = usable(attribution.values)
        values = flat(attribution.values, 2)[rows]
        magnitudes = np.abs(grouped(values if summary.std is None else values * summary.std, groups)).sum(axis=1)
        inside = _inside(len(episode))[:, rows].astype(np.float64)
        if rows.any():
            numbers.append(episode.outcome.number)
            sizes.append(inside @ magnitudes)
            steps.append(inside.sum(axis=1))
            without = without_draws(episode.outcome.number)
            draws.append(None if without is None else (inside @ np.abs(without[:, rows]).sum(axis=2))[:, None])
    joined = joined_draws(draws, axis=1)
    if joined is None:
        return np.array(sizes), np.array(steps), None, None
    origins = draw_origins(recording, summary.key, len(joined), numbers)
    return np.array(sizes), np.array(steps), joined.sum(axis=1), origins


def _inside(length: int) -> np.ndarray:
    """Bool `[part, step]`: the steps of an episode of this length in each part; the last part has all of them."""
    step = np.arange(length)
    thirds = [3 * step // max(length, 1) == third for third in range(len(THIRDS))]
    ends = [mask for reach in REACHES for mask in (step < reach, step >= length - reach)]
    return np.stack([*thirds, *ends, np.ones(length, bool)])


def _names() -> tuple[str, ...]:
    reaches = (f"the {end} {reach} steps" for reach in REACHES for end in ("first", "last"))
    return (*THIRDS, *reaches)
