"""Collects sums per episode: everything that a summary needs from a recording, however long it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rltools._util.arrays import slices
from rltools.attributions import is_per_feature_unit
from rltools.recording import Outcome, Recording
from rltools.recording.batches import Batch, explained_batches
from rltools.summary._actions import EVERY, compares, explained_steps, forced_steps, positions_or_every
from rltools.summary._draw_sums import DrawSums
from rltools.summary._levels import Level
from rltools.summary._totals import Totals
from rltools.summary.episodes import Spread, are_elements, feature_std, flat, usable
from rltools.summary.one_reading import once

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
        std: float64 `[element]`, the std of the observations, by which values are standardized; None unless values are
            per unit of a feature; NaN if no observation is finite.
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
    std: np.ndarray | None = None

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


def collect(recording: Recording, key: str, levels: Sequence[Level]) -> tuple[Sums, ...]:
    """The sums of a recording at each level, in bounded memory, and from one reading of its files where that is enough.

    Values are summed over the elements of a row, with their signs, before their magnitudes are taken. Values per unit
    of a feature are standardized too, by its std over all observations. A row that is one element is multiplied by that
    at the end; rows of several need it before they are summed, and so another reading.

    Args:
        recording: the recording that has the attribution.
        key: the folder name of an attribution in it.
        levels: the rows that values are summed over.
    """
    rows = tuple((level.name, tuple((name, elements.tobytes()) for name, elements in level.groups)) for level in levels)
    return once(("sums", recording.directory.resolve(), key, rows), lambda: _collected(recording, key, levels))


def _collected(recording: Recording, key: str, levels: Sequence[Level]) -> tuple[Sums, ...]:
    features, spec = recording.features_of(key), recording.spec(key)
    standardizes = is_per_feature_unit(spec.unit)
    early = standardizes and not all(level.kinds is None and are_elements(level.groups) for level in levels)
    std = feature_std(recording, key) if early else None
    parts = [_LevelSums(recording, key, level, std, standardizes=standardizes) for level in levels]
    spread = Spread(features.size)
    zero, failed, steps, residuals, scores, complete = [], [], [], [], [], []
    clipped = forced = undefined = 0
    outcomes: list[Outcome] = []
    reads_states = standardizes or any(level.kinds is not None for level in levels)
    for batch in explained_batches(recording, key, states=reads_states):
        attribution = batch.attribution
        owners, rows = batch.owners, usable(attribution.values)
        chosen, alone = positions_or_every(recording, batch.actions), forced_steps(recording, batch)
        observed = None if batch.states is None else flat(batch.states, 1)
        if standardizes and not early and observed is not None:
            spread.add(observed)
        none = np.zeros(len(batch.outcomes), np.int64)
        for few in slices(len(batch), len(spec.labels) * features.size, numbers=AT_ONCE):
            used = rows[few]
            values, of_episode = flat(attribution.values, 2)[few][used], owners[few][used]
            for part in parts:
                part.add(len(outcomes) + of_episode, chosen[few][used], values, observed, few, used)
            nothing = (flat(values, 1) == 0).all(axis=1) & ~alone[few][used]
            none += np.bincount(of_episode[nothing], minlength=len(none))
        for part in parts:
            part.finish(batch, len(outcomes), rows, chosen)
        zero.append(none)
        forced += int(alone[rows].sum())
        if batch.masks is not None and compares(spec):
            undefined += int((np.isnan(attribution.scores).any(axis=1) & explained_steps(batch, spec.every)).sum())
        missed = ~rows & np.isfinite(attribution.scores).all(axis=1)
        failed.append(np.bincount(owners[missed], minlength=len(none)))
        steps.append(np.diff(batch.starts))
        outcomes += batch.outcomes
        scores.append(attribution.scores[rows])
        if attribution.residual is not None:
            residuals.append(attribution.residual[rows])
        if attribution.complete is not None:
            complete.append(attribution.complete[rows])
        if attribution.clipped is not None:
            clipped += int((attribution.clipped[rows] > 0).sum())
    if standardizes and not early:
        measured = spread.std()
        std = np.full(features.size, np.nan) if measured is None else measured
    numbers = [outcome.number for outcome in outcomes]
    none_yet = np.zeros(0, np.int64)
    common: dict[str, Any] = {
        "std": std,
        "zero": np.concatenate([none_yet, *zero]),
        "failed": np.concatenate([none_yet, *failed]),
        "steps": np.concatenate([none_yet, *steps]),
        "outcomes": tuple(outcomes),
        "residuals": np.concatenate(residuals) if residuals else None,
        "scores": np.concatenate(scores) if scores else np.zeros((0, len(spec.labels))),
        "incomplete": int((~np.concatenate(complete)).sum()) if complete else None,
        "clipped": clipped,
        "forced": forced,
        "undefined": undefined,
    }
    return tuple(Sums(**part.sums(numbers, std), **common) for part in parts)


class _LevelSums:
    """What is summed up at one level, batch by batch.

    Args:
        recording: the recording that has the attribution.
        key: the folder name of an attribution in it.
        level: the rows that values are summed over.
        std: `[element]`, the factor of standardized attributions; None if nothing is standardized, or all at the end.
        standardizes: whether there are standardized attributions.
    """

    def __init__(
        self, recording: Recording, key: str, level: Level, std: np.ndarray | None, *, standardizes: bool
    ) -> None:
        self._level, self._std, self._labels = level, std, len(recording.spec(key).labels)
        self._kinds = 4 if standardizes else 2
        self._late = standardizes and std is None
        self._has_states = standardizes and len(level.groups) == recording.features_of(key).size
        self._draws = DrawSums(recording, key, level, std)
        self._counts, self._totals = Totals(), Totals()
        self._states: list[np.ndarray] = []
        self._origin: np.ndarray | None = None

    def add(
        self,
        episodes: np.ndarray,
        actions: np.ndarray,
        values: np.ndarray,
        observed: np.ndarray | None,
        few: slice,
        used: np.ndarray,
    ) -> None:
        """Add the attributions of some steps of a batch.

        Args:
            episodes: int `[used]`, the position of the episode of each step.
            actions: int `[used]`, the positions of the actions taken.
            values: `[used, target, element]`.
            observed: `[step, element]`, what was observed in the whole batch.
            few: the steps, of which those in `used`, bool `[step]`, count.
            used: see `few`.
        """
        at_these = observed[few][used] if self._level.kinds is not None and observed is not None else None
        scales = [None] if self._std is None else [None, self._std]
        summed = [self._level.summed(values if scale is None else values * scale, at_these) for scale in scales]
        self._totals.add(
            episodes, actions, np.stack([kind for part in summed for kind in (part, np.abs(part))], axis=1)
        )
        self._counts.add(episodes, actions, np.ones(len(values)))

    def finish(self, batch: Batch, before: int, rows: np.ndarray, chosen: np.ndarray) -> None:
        """End a batch: add its stored draws, and the moments of its observations; `before` counts earlier episodes."""
        self._draws.add(batch, before, rows, chosen)
        if not self._has_states or batch.states is None:
            return
        observed, owners = flat(batch.states, 1), batch.owners
        moments = np.zeros((len(batch.outcomes), 3, observed.shape[1]))
        for few in slices(*observed.shape, numbers=AT_ONCE):
            part = observed[few].astype(np.float64)
            finite = usable(part)
            part, episodes = part[finite], owners[few][finite]
            if not len(part):
                continue
            self._origin = part[0] if self._origin is None else self._origin
            distances = part - self._origin
            first = np.flatnonzero(np.diff(episodes, prepend=-1))
            powers = np.stack([np.ones_like(distances), distances, distances**2], axis=1)
            moments[episodes[first]] += np.add.reduceat(powers, first, axis=0)
        self._states.append(moments)

    def sums(self, numbers: Sequence[int], std: np.ndarray | None) -> dict[str, Any]:
        """The attributes of `Sums` that depend on the level, of the episodes with these numbers."""
        taken = self._counts.actions
        order, rows = [EVERY, *taken, _NEVER], len(self._level.groups)
        of_rows = None
        if self._late and std is not None:
            of_rows = std[[int(elements[0]) for _, elements in self._level.groups]]
        kinds = 2 if of_rows is not None else self._kinds
        totals = self._totals.array(len(numbers), order, (kinds, self._labels, rows))
        without, sizes = self._draws.totals(order), self._draws.sizes(len(numbers))
        if of_rows is not None:
            totals = np.concatenate([totals, totals * of_rows], axis=2)
            without = None if without is None else np.concatenate([without, without * of_rows], axis=2)
            sizes = None if sizes is None else sizes * of_rows
        return {
            "taken": tuple(taken),
            "counts": self._counts.array(len(numbers), order, ()).astype(np.int64),
            "totals": totals,
            "without": without,
            "sizes_without": sizes,
            "states": np.concatenate(self._states) if self._states else None,
            "origins": self._draws.origins(numbers),
        }


def used_first(origins: np.ndarray | None, used: np.ndarray) -> np.ndarray | None:
    """Origins `[block, episode]` with the columns of some episodes first, then all others."""
    if origins is None:
        return None
    order = np.concatenate([np.flatnonzero(used), np.flatnonzero(~used), np.arange(len(used), origins.shape[1])])
    return origins[:, order]
