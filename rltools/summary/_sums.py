"""Collects sums per episode: everything that a summary needs from a recording, however long it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.attributions import is_per_feature_unit
from rltools.errors import CorruptError
from rltools.recording import AttributionSpec, Episode, Outcome, Recording
from rltools.recording.attribution import first_sampled
from rltools.recording.draws import draw_blocks, draw_origins
from rltools.recording.seal import warn_of_damage
from rltools.stats import Jackknife, Named, jackknife
from rltools.summary.episodes import Groups, explained, feature_std, flat, grouped, regrouping, usable
from rltools.targets.scores import find_score, score_names

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


def collect(
    recording: Recording,
    key: str,
    std: np.ndarray | None,
    *,
    merged: bool = False,
    groups: Groups | None = None,
) -> Sums:
    """The sums of a recording, read once and one episode at a time.

    Args:
        recording: the recording that has the attribution.
        key: the folder name of an attribution in it.
        std: `[element]`, the factor of standardized attributions; None if nothing is standardized.
        merged: whether a choice is one feature, the sum of its one-hot elements.
        groups: groups of elements; values are summed over each group; None for those that the method tells apart.
    """
    features = recording.features_of(key)
    spec = recording.spec(key)
    groups, labels = groups or spec.rows(features, merged=merged), len(spec.labels)
    kinds = 2 if std is None else 4
    counts, totals, states, zero, failed, steps, residuals, scores, complete = [], [], [], [], [], [], [], [], []
    origin: np.ndarray | None = None
    clipped = forced = undefined = 0
    outcomes: list[Outcome] = []
    draws = DrawSums(recording, key, groups, std)
    for episode, attribution in explained(recording, key):
        rows = usable(attribution.values)
        chosen, alone = _positions(recording, episode), _forced(recording, episode)
        actions = [action for action in np.unique(chosen[rows]).tolist() if action != EVERY]
        counts.append({EVERY: int(rows.sum())} | {action: int((chosen[rows] == action).sum()) for action in actions})
        total, none = {category: np.zeros((kinds, labels, len(groups))) for category in (EVERY, *actions)}, 0
        for few in _pieces(len(rows), labels * features.size):
            used = rows[few]
            values, action = flat(attribution.values, 2)[few][used], chosen[few][used]
            parts = [grouped(values, groups)] + ([] if std is None else [grouped(values * std, groups)])
            kinded = np.stack([kind for part in parts for kind in (part, np.abs(part))], axis=1)
            total[EVERY] += kinded.sum(axis=0)
            for category in actions:
                total[category] += kinded[action == category].sum(axis=0)
            none += int(((flat(values, 1) == 0).all(axis=1) & ~alone[few][used]).sum())
        totals.append(total)
        draws.add(episode.outcome.number, rows, chosen)
        zero.append(none)
        forced += int(alone[rows].sum())
        if episode.masks is not None and compares(spec):
            undefined += int((np.isnan(attribution.scores).any(axis=1) & _explained_steps(episode, spec.every)).sum())
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
        if std is not None and len(groups) == features.size:
            observed = flat(recording.encoded_observations(key, episode), 1)
            moments = np.zeros((3, features.size))
            for few in _pieces(*observed.shape):
                part = observed[few].astype(np.float64)
                part = part[usable(part)]
                origin = part[0] if origin is None and len(part) else origin
                moments += _moments(part if origin is None else part - origin)
            states.append(moments)
    taken = sorted({action for of_episode in counts for action in of_episode} - {EVERY})
    nothing = np.zeros((kinds, labels, len(groups)))
    order = [EVERY, *taken, _NEVER]
    return Sums(
        taken=tuple(taken),
        counts=_in_order(counts, order, np.zeros((), np.int64)),
        totals=_in_order(totals, order, nothing),
        without=draws.totals(order),
        sizes_without=draws.sizes(),
        states=np.stack(states) if states else None,
        zero=np.array(zero, dtype=np.int64),
        failed=np.array(failed, dtype=np.int64),
        steps=np.array(steps, dtype=np.int64),
        outcomes=tuple(outcomes),
        residuals=np.concatenate(residuals) if residuals else None,
        scores=np.concatenate(scores) if scores else np.zeros((0, labels)),
        incomplete=int((~np.concatenate(complete)).sum()) if complete else None,
        clipped=clipped,
        forced=forced,
        undefined=undefined,
        origins=draws.origins([outcome.number for outcome in outcomes]),
    )


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


@dataclass(frozen=True)
class Magnitudes:
    """How much each feature mattered in each episode, over all steps and targets.

    Attributes:
        sizes: float64 `[episode, group]`.
        without: float64 `[block, episode, group]`, without each block of draws; None without draws on disk.
        origins: float `[block, episode]`, as in `Sums`.
    """

    sizes: np.ndarray
    without: np.ndarray | None
    origins: np.ndarray | None = None

    __repr__ = short_repr

    def mattering(self) -> Magnitudes:
        """The magnitudes of the episodes in which any feature mattered."""
        used = self.sizes.sum(axis=1) > 0
        without = None if self.without is None else self.without[:, used]
        return Magnitudes(self.sizes[used], without, used_first(self.origins, used))

    def drawn(self, statistic: Callable[[np.ndarray], Named]) -> dict[str, Jackknife]:
        """A statistic of the sums over episodes `[draw, group]`, also without each episode and each block of draws."""
        without = [] if self.without is None else [self.without.sum(axis=1)]
        return jackknife(statistic, [self.sizes], without, self.origins)


def magnitudes(recording: Recording, key: str, groups: Groups | None = None) -> Magnitudes:
    """How much each feature mattered in each episode, over all steps and targets.

    The default groups are the features that the method tells apart. Standardized if the unit is "score per unit".

    Raises:
        RecordingError: an episode is not explained yet.
    """
    std = feature_std(recording, key) if is_per_feature_unit(recording.spec(key).unit) else None
    sums = collect(recording, key, std, groups=groups)
    return Magnitudes(sums.magnitudes, sums.sizes_without, sums.origins)


def _forced(recording: Recording, episode: Episode) -> np.ndarray:
    """Bool `[step]`: whether only one action (of each choice) was allowed, so that there was nothing to decide."""
    allowed = _allowed(recording, episode)
    forced: np.ndarray = (allowed == 1).all(axis=1) & (allowed.shape[1] > 0)
    return forced


def compares(spec: AttributionSpec) -> bool:
    """Whether the target does not exist at steps at which too few actions are allowed."""
    missing = [name for name in score_names() if find_score(name).forbidden_is_missing]
    return any(name in spec.target for name in ("runner_up", *missing))


def _allowed(recording: Recording, episode: Episode) -> np.ndarray:
    """How many actions of each choice were allowed, int64 `[step, choice]`; no choices for continuous actions."""
    branches = choices(recording)
    if episode.masks is None:
        return np.tile(np.array(branches, np.int64), (len(episode), 1))
    starts = np.concatenate([[0], np.cumsum(branches)[:-1]]).astype(np.int64)
    counts: np.ndarray = np.add.reduceat(episode.masks.astype(np.int64), starts, axis=1)
    return counts


def choices(recording: Recording) -> tuple[int, ...]:
    """How many actions each discrete choice has, also in older recordings, whose headers do not say."""
    header = recording.header
    return header.branches or ((len(header.action_names),) if header.action_start is not None else ())


def _explained_steps(episode: Episode, every: int) -> np.ndarray:
    """Bool `[step]`: whether each step was explained, with a stride over all episodes."""
    first = first_sampled(episode.outcome.number, every)
    explained: np.ndarray = (np.arange(len(episode)) - first) % every == 0
    return explained


def named_actions(recording: Recording) -> tuple[str, ...]:
    """The names of the actions if they are one discrete choice; empty otherwise."""
    return recording.header.action_names if recording.header.action_start is not None else ()


def action_positions(recording: Recording, episode: Episode) -> np.ndarray:
    """The position in `named_actions` of each action taken: int64 `[step]`."""
    return episode.actions.astype(np.int64) - int(recording.header.action_start or 0)


def _positions(recording: Recording, episode: Episode) -> np.ndarray:
    """`action_positions` if actions are one discrete choice; `EVERY` otherwise."""
    return action_positions(recording, episode) if named_actions(recording) else np.full(len(episode), EVERY)


def _moments(distances: np.ndarray) -> np.ndarray:
    count = np.full(distances.shape[1], float(len(distances)))
    return np.stack([count, distances.sum(axis=0), (distances**2).sum(axis=0)])


EVERY = -1
"""The category of every step; others are positions of actions."""


class DrawSums:
    """Adds up the stored draws, episode by episode; gives up if an episode has none.

    Args:
        recording: the recording that has the attribution.
        key: the folder name of an attribution in it.
        groups: groups of elements; values are summed over each group.
        std: `[element]`, the factor of standardized attributions; None if nothing is standardized.
    """

    def __init__(self, recording: Recording, key: str, groups: Groups, std: np.ndarray | None) -> None:
        self._recording, self._key = recording, key
        scales = [None] if std is None else [None, std]
        regroups = [regrouping(recording, key, groups, scale) for scale in scales]
        self._regroups = [regroup for regroup in regroups if regroup is not None]
        self._has_draws = len(self._regroups) == len(regroups)
        self._totals: dict[int, np.ndarray] = {}
        self._sizes: list[np.ndarray | None] = []

    def add(self, number: int, rows: np.ndarray, actions: np.ndarray) -> None:
        """Add the next episode.

        Args:
            number: the number of the episode.
            rows: bool `[step]`, the steps that count.
            actions: int `[step]`, the positions of the actions taken; `EVERY` if they are not one discrete choice.
        """
        self._sizes.append(None)
        if not self._has_draws or not rows.any():
            return
        steps = 0
        try:
            for t, without in draw_blocks(self._recording, self._key, number):
                counted = rows[t]
                steps += int(counted.sum())
                if not self._add_steps(without[:, counted], actions[t][counted]):
                    steps = 0
                    break
        except CorruptError as error:
            warn_of_damage(error, stacklevel=5)
            steps = 0
        if steps < rows.sum():
            self._has_draws, self._totals, self._sizes = False, {}, []

    def totals(self, categories: Sequence[int]) -> np.ndarray | None:
        """Float64 `[block, category, kind, target, group]`, kinds as in `Sums`; None without draws."""
        if EVERY not in self._totals:
            return None
        nothing = np.zeros_like(self._totals[EVERY])
        return np.stack([self._totals.get(category, nothing) for category in categories], axis=1)

    def sizes(self) -> np.ndarray | None:
        """Float64 `[block, episode, group]`, magnitudes over all targets, standardized if there is a std."""
        if EVERY not in self._totals:
            return None
        blocks, _, _, groups = self._totals[EVERY].shape
        return np.stack([np.zeros((blocks, groups)) if size is None else size for size in self._sizes], axis=1)

    def origins(self, numbers: Sequence[int]) -> np.ndarray | None:
        """Float64 `[block, episode]`, as in `Sums`, of the episodes with these numbers; None without draws."""
        if EVERY not in self._totals:
            return None
        return draw_origins(self._recording, self._key, len(self._totals[EVERY]), numbers)

    def _add_steps(self, without: np.ndarray, actions: np.ndarray) -> bool:
        """Add draws `[block, step, target, stored]` of some steps; False if the number of blocks has changed."""
        parts = [regroup(without) for regroup in self._regroups]
        kinds = [kind for part in parts for kind in (part, np.abs(part))]
        for category in (EVERY, *np.unique(actions[actions != EVERY]).tolist()):
            selected = slice(None) if category == EVERY else actions == category
            total = np.stack([kind[:, selected].sum(axis=1) for kind in kinds], axis=1)
            if EVERY in self._totals and self._totals[EVERY].shape != total.shape:
                return False
            before = self._totals.get(category)
            self._totals[category] = total if before is None else before + total
        size, before = kinds[-1].sum(axis=(1, 2)), self._sizes[-1]
        self._sizes[-1] = size if before is None else before + size
        return True
