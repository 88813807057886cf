"""Collects sums per episode: everything that a summary needs from a recording, however long it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rltools.recording import Outcome, Recording
from rltools.summary._actions import EVERY, compares, explained_steps, forced_steps, positions_or_every
from rltools.summary._draw_sums import DrawSums
from rltools.summary._levels import Level
from rltools.summary.episodes import explained, flat, usable

_NEVER = -2
"""The category without steps; no position of an action, like `EVERY`."""

AT_ONCE = 1 << 19
"""How many numbers are converted to float64 at a time."""


@dataclass(frozen=True)
class Sums:
    """Sums over the explained steps of each episode.

    The first category is every step; then follow the actions that were taken, because thousands may never be; the last
    category has no steps.

    Attributes:
        taken: the positions of the actions that have a category, in order.
        counts: int `[episode, category]`, explained steps.
        totals: float `[episode, category, kind, target, group]`; the kinds are signed and absolute attributions and, if
            there is a std, the same two standardized.
        without: float `[block, category, kind, target, group]`, totals over all episodes without each block of draws,
            of references for instance; None without draws on disk.
        sizes_without: float `[block, episode, group]`, the magnitudes of each episode without each block of draws,
            summed over explained steps and targets, standardized if there is a std.
        states: float `[episode, 3, group]`, moments of all recorded observations: their count, and the sums of their
            distances and squared distances from the first one; None for images, and if nothing is standardized.
        zero: int `[episode]`, explained steps with a choice of actions at which every attribution is exactly 0.
        failed: int `[episode]`, steps with a target value whose attribution is not finite.
        steps: int `[episode]`, all recorded steps.
        outcomes: the outcomes of these episodes.
        residuals: float `[step, target]`; None if the method has none.
        scores: float `[step, target]`, the target values at the same steps.
        incomplete: the number of steps whose residual is larger than the method promises; None if it promises nothing.
        clipped: the number of steps with an element that a normalization clips.
        forced: the number of counted steps at which only one action was allowed.
        undefined: the number of steps that do not count because the target does not exist if an action is not allowed:
            a runner-up, the logarithm of a probability.
        origins: float `[block, episode]`, how many references of each block were visited in each of these episodes, and
            then in further ones; None if that is unknown.
    """

    taken: tuple[int, ...]
    counts: np.ndarray
    totals: np.ndarray
    without: np.ndarray | None
    sizes_without: np.ndarray | None
    states: np.ndarray | None
    zero: np.ndarray
    failed: np.ndarray
    steps: np.ndarray
    outcomes: tuple[Outcome, ...]
    residuals: np.ndarray | None
    scores: np.ndarray
    incomplete: int | None
    clipped: int
    forced: int
    undefined: int
    origins: np.ndarray | None = None

    def origins_of(self, used: np.ndarray) -> np.ndarray | None:
        """`origins` with some episodes, bool `[episode]`, first, as `rltools.stats.jackknife` takes them."""
        return used_first(self.origins, used)

    @property
    def magnitudes(self) -> np.ndarray:
        """Float64 `[episode, group]`: how much each feature mattered in each episode, over all steps and targets."""
        # The last kind holds magnitudes, standardized if there is a std; the first category is every step.
        return np.asarray(self.totals[:, 0, -1].sum(axis=1))

    def category(self, action: int) -> int:
        """The category of the steps at which the action at this position was taken."""
        return 1 + (self.taken.index(action) if action in self.taken else len(self.taken))


def collect(recording: Recording, key: str, std: np.ndarray | None, levels: Sequence[Level]) -> tuple[Sums, ...]:
    """The sums of a recording at each level, read once and one episode at a time.

    Values are summed over the elements of a row, with their signs, before their magnitudes are taken.

    Args:
        recording: the recording that has the attribution.
        key: the folder name of an attribution in it.
        std: `[element]`, the factor of standardized attributions; None if nothing is standardized.
        levels: the rows that values are summed over.
    """
    features, spec = recording.features_of(key), recording.spec(key)
    parts = [_LevelSums(recording, key, std, level) for level in levels]
    zero, failed, steps, residuals, scores, complete = [], [], [], [], [], []
    clipped = forced = undefined = 0
    outcomes: list[Outcome] = []
    for episode, attribution in explained(recording, key):
        rows = usable(attribution.values)
        chosen, alone = positions_or_every(recording, episode), forced_steps(recording, episode)
        observed = None
        if any(part.reads_observations for part in parts):
            observed = flat(recording.encoded_observations(key, episode), 1)
        for part in parts:
            part.begin(rows, chosen)
        none = 0
        for few in _pieces(len(rows), len(spec.labels) * features.size):
            used = rows[few]
            values, action = flat(attribution.values, 2)[few][used], chosen[few][used]
            for part in parts:
                part.add(values, action, None if observed is None else observed[few][used])
            none += int(((flat(values, 1) == 0).all(axis=1) & ~alone[few][used]).sum())
        for part in parts:
            part.finish(episode.outcome.number, rows, chosen, observed)
        zero.append(none)
        forced += int(alone[rows].sum())
        if episode.masks is not None and compares(spec):
            undefined += int((np.isnan(attribution.scores).any(axis=1) & explained_steps(episode, spec.every)).sum())
        failed.append(int((~rows & np.isfinite(attribution.scores).all(axis=1)).sum()))
        steps.append(len(episode))
        outcomes.append(episode.outcome)
        scores.append(attribution.scores[rows])
        if attribution.residual is not None:
            residuals.append(attribution.residual[rows])
        if attribution.complete is not None:
            complete.append(attribution.complete[rows])
        if attribution.clipped is not None:
            clipped += int((attribution.clipped[rows] > 0).sum())
    numbers = [outcome.number for outcome in outcomes]
    common: dict[str, Any] = {
        "zero": np.array(zero, dtype=np.int64),
        "failed": np.array(failed, dtype=np.int64),
        "steps": np.array(steps, dtype=np.int64),
        "outcomes": tuple(outcomes),
        "residuals": np.concatenate(residuals) if residuals else None,
        "scores": np.concatenate(scores) if scores else np.zeros((0, len(spec.labels))),
        "incomplete": int((~np.concatenate(complete)).sum()) if complete else None,
        "clipped": clipped,
        "forced": forced,
        "undefined": undefined,
    }
    return tuple(Sums(**part.sums(numbers), **common) for part in parts)


class _LevelSums:
    """What is summed up at one level, episode by episode; the arguments are those of `collect`."""

    def __init__(self, recording: Recording, key: str, std: np.ndarray | None, level: Level) -> None:
        self._level, self._std, self._labels = level, std, len(recording.spec(key).labels)
        self._kinds = 2 if std is None else 4
        self._has_states = std is not None and len(level.groups) == recording.features_of(key).size
        self._draws = DrawSums(recording, key, level, std)
        self._counts: list[dict[int, int]] = []
        self._totals: list[dict[int, np.ndarray]] = []
        self._states: list[np.ndarray] = []
        self._origin: np.ndarray | None = None

    @property
    def reads_observations(self) -> bool:
        """Whether the sums depend on what was observed."""
        return self._has_states or self._level.kinds is not None

    def begin(self, rows: np.ndarray, chosen: np.ndarray) -> None:
        """Begin an episode: bool `[step]`, the steps that count, and the actions taken."""
        actions = [action for action in np.unique(chosen[rows]).tolist() if action != EVERY]
        self._counts.append(
            {EVERY: int(rows.sum())} | {action: int((chosen[rows] == action).sum()) for action in actions}
        )
        nothing = (self._kinds, self._labels, len(self._level.groups))
        self._totals.append({category: np.zeros(nothing) for category in (EVERY, *actions)})

    def add(self, values: np.ndarray, action: np.ndarray, observed: np.ndarray | None) -> None:
        """Add attributions `[step, target, element]` of some steps."""
        scales = [None] if self._std is None else [None, self._std]
        summed = [self._level.summed(values if scale is None else values * scale, observed) for scale in scales]
        kinded = np.stack([kind for part in summed for kind in (part, np.abs(part))], axis=1)
        totals = self._totals[-1]
        for category in totals:
            totals[category] += (kinded if category == EVERY else kinded[action == category]).sum(axis=0)

    def finish(self, number: int, rows: np.ndarray, chosen: np.ndarray, observed: np.ndarray | None) -> None:
        """End an episode: add its stored draws, and the moments of its observations `[step, element]`."""
        self._draws.add(number, rows, chosen)
        if not self._has_states or observed is None:
            return
        moments = np.zeros((3, observed.shape[1]))
        for few in _pieces(*observed.shape):
            part = observed[few].astype(np.float64)
            part = part[usable(part)]
            self._origin = part[0] if self._origin is None and len(part) else self._origin
            moments += _moments(part if self._origin is None else part - self._origin)
        self._states.append(moments)

    def sums(self, numbers: Sequence[int]) -> dict[str, Any]:
        """The attributes of `Sums` that depend on the level, of the episodes with these numbers."""
        taken = sorted({action for of_episode in self._counts for action in of_episode} - {EVERY})
        order, nothing = [EVERY, *taken, _NEVER], np.zeros((self._kinds, self._labels, len(self._level.groups)))
        return {
            "taken": tuple(taken),
            "counts": _in_order(self._counts, order, np.zeros((), np.int64)),
            "totals": _in_order(self._totals, order, nothing),
            "without": self._draws.totals(order),
            "sizes_without": self._draws.sizes(),
            "states": np.stack(self._states) if self._states else None,
            "origins": self._draws.origins(numbers),
        }


def used_first(origins: np.ndarray | None, used: np.ndarray) -> np.ndarray | None:
    """Origins `[block, episode]` with the columns of some episodes first, then all others."""
    if origins is None:
        return None
    order = np.concatenate([np.flatnonzero(used), np.flatnonzero(~used), np.arange(len(used), origins.shape[1])])
    return origins[:, order]


def _in_order(by_episode: Sequence[Mapping[int, Any]], order: Sequence[int], nothing: np.ndarray) -> np.ndarray:
    """`[episode, category, ...]` from the categories that each episode has."""
    arrays = np.zeros((len(by_episode), len(order), *nothing.shape), nothing.dtype)
    for row, of_episode in zip(arrays, by_episode, strict=True):
        for column, category in enumerate(order):
            row[column] = of_episode.get(category, nothing)
    return arrays


def _pieces(rows: int, elements: int) -> Iterator[slice]:
    """Slices of so many rows that float64 copies of them stay small."""
    few = max(1, AT_ONCE // max(1, elements))
    return (slice(start, start + few) for start in range(0, rows, few))


def _moments(distances: np.ndarray) -> np.ndarray:
    count = np.full(distances.shape[1], float(len(distances)))
    return np.stack([count, distances.sum(axis=0), (distances**2).sum(axis=0)])
