"""Sums per episode: all that a summary needs of a recording, whatever its length."""

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
from rltools.recording.draws import draw_blocks
from rltools.recording.seal import name_damage
from rltools.stats import Jackknife, Named, jackknife
from rltools.summary.episodes import Groups, explained, feature_std, flat, grouped, regrouping, usable
from rltools.targets.scores import find_score, score_names

_NEVER = -2
"""A category without steps; as `EVERY`, which has all of them, no position of an action."""

AT_ONCE = 1 << 19
"""Numbers of attributions, or of states, that are widened at a time."""


@dataclass(frozen=True)
class Sums:
    """Sums over the explained steps of each episode.

    The first category is every step; then comes one for each action that was taken, for there may be thousands that
    were not; and the last one has no steps.

    Attributes:
        taken: the positions of the actions that have a category, in order.
        counts: int `[episode, category]`, explained steps.
        totals: float `[episode, category, kind, target, group]`; the kinds are signed and absolute attributions and,
            where there is a deviation, the same two standardized.
        without: float `[block, category, kind, target, group]`, totals over all episodes without each block of what
            was drawn for all steps together, the references for instance; None where nothing was, or it was not kept.
        sizes_without: float `[block, episode, group]`, likewise of each episode, magnitudes over all of its explained
            steps and targets, standardized where there is a deviation.
        states: float `[episode, 3, group]`, of all recorded states: how many, and the sums of their distances and
            squared distances from the first one; None for images, and where nothing is standardized.
        zero: int `[episode]`, explained steps at which every attribution is exactly 0, though there was a choice.
        failed: int `[episode]`, steps whose score is known and whose attribution is not finite.
        steps: int `[episode]`, all recorded steps.
        outcomes: how each of these episodes went.
        residuals: float `[step, target]`, None where the method has none.
        scores: float `[step, target]`, of the same steps.
        incomplete: steps whose residual is larger than the method promises; None where it promises nothing.
        clipped: steps with an entry that a normalization clips.
        forced: steps at which only one action was allowed, of those that count.
        undefined: steps that do not count because what was explained does not exist where an action was not allowed: a
            runner-up, the logarithm of a probability.
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
    """Go through a recording once, one episode in memory at a time.

    Args:
        recording: where from.
        key: the folder name of an attribution in it.
        std: `[entry]`, what standardized attributions are multiplied with; None for none.
        merged: a choice as one feature, the sum of its one-hot entries.
        groups: what is summed over; by default what the method tells apart.
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
    for episode, found in explained(recording, key):
        rows = usable(found.values)
        chosen, alone = _positions(recording, episode), _forced(recording, episode)
        actions = [action for action in np.unique(chosen[rows]).tolist() if action != EVERY]
        counts.append({EVERY: int(rows.sum())} | {action: int((chosen[rows] == action).sum()) for action in actions})
        total, none = {category: np.zeros((kinds, labels, len(groups))) for category in (EVERY, *actions)}, 0
        for few in _pieces(len(rows), labels * features.size):
            kept = rows[few]
            values, action = flat(found.values, 2)[few][kept], chosen[few][kept]
            parts = [grouped(values, groups)] + ([] if std is None else [grouped(values * std, groups)])
            kinded = np.stack([kind for part in parts for kind in (part, np.abs(part))], axis=1)
            total[EVERY] += kinded.sum(axis=0)
            for category in actions:
                total[category] += kinded[action == category].sum(axis=0)
            none += int(((flat(values, 1) == 0).all(axis=1) & ~alone[few][kept]).sum())
        totals.append(total)
        draws.add(episode.outcome.number, rows, chosen)
        zero.append(none)
        forced += int(alone[rows].sum())
        if episode.masks is not None and compares(spec):
            undefined += int((np.isnan(found.scores).any(axis=1) & _asked(episode, spec.every)).sum())
        failed.append(int((~rows & np.isfinite(found.scores).all(axis=1)).sum()))
        steps.append(len(episode))
        outcomes.append(episode.outcome)
        scores.append(found.scores[rows])
        if found.residual is not None:
            residuals.append(found.residual[rows])
        if found.complete is not None:
            complete.append(found.complete[rows])
        if found.clipped is not None:
            clipped += int((found.clipped[rows] > 0).sum())
        if std is not None and len(groups) == features.size:
            observed = flat(recording.states_of(key, episode), 1)
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
    )


def _in_order(found: Sequence[Mapping[int, Any]], order: Sequence[int], nothing: np.ndarray) -> np.ndarray:
    """`[episode, category, ...]` from what each episode has of some categories."""
    arrays = np.zeros((len(found), len(order), *nothing.shape), nothing.dtype)
    for row, of_episode in zip(arrays, found, strict=True):
        for at, category in enumerate(order):
            row[at] = of_episode.get(category, nothing)
    return arrays


def _pieces(rows: int, entries: int) -> Iterator[slice]:
    """So many rows at a time that what is computed of them in float64 stays small beside a long episode."""
    few = max(1, AT_ONCE // max(1, entries))
    return (slice(start, start + few) for start in range(0, rows, few))


@dataclass(frozen=True)
class Magnitudes:
    """How much each feature mattered in each episode, over all steps and targets.

    Attributes:
        sizes: float64 `[episode, group]`.
        without: float64 `[block, episode, group]`, without each block of what was drawn for all steps together; None
            where nothing was, or it was not kept.
    """

    sizes: np.ndarray
    without: np.ndarray | None

    __repr__ = short_repr

    def mattering(self) -> Magnitudes:
        """Of the episodes in which any feature mattered."""
        used = self.sizes.sum(axis=1) > 0
        return Magnitudes(self.sizes[used], None if self.without is None else self.without[:, used])

    def drawn(self, statistic: Callable[[np.ndarray], Named]) -> dict[str, Jackknife]:
        """A statistic of the sums over episodes `[draw, group]`, without each part of what was drawn."""
        without = [] if self.without is None else [self.without.sum(axis=1)]
        return jackknife(statistic, [self.sizes], without)


def magnitudes(recording: Recording, key: str, groups: Groups | None = None) -> Magnitudes:
    """How much each feature mattered in each episode, over all steps and targets.

    By default of what the method tells apart. Standardized where the attribution of this key is in "score per unit".

    Raises:
        RecordingError: an episode is not explained yet.
    """
    std = feature_std(recording, key) if is_per_feature_unit(recording.spec(key).unit) else None
    # The last kind is that of magnitudes, standardized where there is a deviation; the first category is every step.
    sums = collect(recording, key, std, groups=groups)
    return Magnitudes(sums.totals[:, 0, -1].sum(axis=1), sums.sizes_without)


def _forced(recording: Recording, episode: Episode) -> np.ndarray:
    """Bool `[step]`: where nothing was left to decide, because one action was allowed (of each choice)."""
    allowed = _allowed(recording, episode)
    forced: np.ndarray = (allowed == 1).all(axis=1) & (allowed.shape[1] > 0)
    return forced


def compares(spec: AttributionSpec) -> bool:
    """Whether what was explained does not exist at steps where too few actions are allowed."""
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
    """How many actions each discrete choice has, also where an older recording does not say."""
    header = recording.header
    return header.branches or ((len(header.action_names),) if header.action_start is not None else ())


def _asked(episode: Episode, every: int) -> np.ndarray:
    """Bool `[step]`: the steps that were explained, evenly over all episodes."""
    first = first_sampled(episode.outcome.number, every)
    asked: np.ndarray = (np.arange(len(episode)) - first) % every == 0
    return asked


def named_actions(recording: Recording) -> tuple[str, ...]:
    """The actions that steps can be told apart by: of one discrete choice; none otherwise."""
    return recording.header.action_names if recording.header.action_start is not None else ()


def action_positions(recording: Recording, episode: Episode) -> np.ndarray:
    """Which of `named_actions` was taken: int64 `[step]`."""
    return episode.actions.astype(np.int64) - int(recording.header.action_start or 0)


def _positions(recording: Recording, episode: Episode) -> np.ndarray:
    """`action_positions` where steps can be told apart by these."""
    return action_positions(recording, episode) if named_actions(recording) else np.full(len(episode), EVERY)


def _moments(distances: np.ndarray) -> np.ndarray:
    count = np.full(distances.shape[1], float(len(distances)))
    return np.stack([count, distances.sum(axis=0), (distances**2).sum(axis=0)])


EVERY = -1
"""The category of every step; others are positions of actions."""


class DrawSums:
    """Adds up what is kept of the draws, episode by episode; nothing once it is not kept of one of them.

    Args:
        recording: where from.
        key: the folder name of an attribution in it.
        groups: what is summed over.
        std: `[entry]`, what standardized attributions are multiplied with; None for none.
    """

    def __init__(self, recording: Recording, key: str, groups: Groups, std: np.ndarray | None) -> None:
        self._recording, self._key = recording, key
        scales = [None] if std is None else [None, std]
        regroups = [regrouping(recording, key, groups, scale) for scale in scales]
        self._regroups = [regroup for regroup in regroups if regroup is not None]
        self._kept = len(self._regroups) == len(regroups)
        self._totals: dict[int, np.ndarray] = {}
        self._sizes: list[np.ndarray | None] = []

    def add(self, number: int, rows: np.ndarray, actions: np.ndarray) -> None:
        """Of the next episode.

        Args:
            number: of the episode.
            rows: bool `[step]`, the steps that count.
            actions: int `[step]`, the positions of the actions taken; `EVERY` where they are not told apart.
        """
        self._sizes.append(None)
        if not self._kept or not rows.any():
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
            name_damage(error, stacklevel=5)
            steps = 0
        if steps < rows.sum():
            self._kept, self._totals, self._sizes = False, {}, []

    def totals(self, categories: Sequence[int]) -> np.ndarray | None:
        """Float64 `[block, category, kind, target, group]`, kinds as `Sums` has them; None if not kept."""
        if EVERY not in self._totals:
            return None
        nothing = np.zeros_like(self._totals[EVERY])
        return np.stack([self._totals.get(category, nothing) for category in categories], axis=1)

    def sizes(self) -> np.ndarray | None:
        """Float64 `[block, episode, group]`, magnitudes over all targets, standardized where there is a deviation."""
        if EVERY not in self._totals:
            return None
        blocks, _, _, groups = self._totals[EVERY].shape
        return np.stack([np.zeros((blocks, groups)) if one is None else one for one in self._sizes], axis=1)

    def _add_steps(self, without: np.ndarray, actions: np.ndarray) -> bool:
        """Draws `[block, step, target, kept]` of some steps; False where there are other blocks than before."""
        parts = [regroup(without) for regroup in self._regroups]
        kinds = [kind for part in parts for kind in (part, np.abs(part))]
        for category in (EVERY, *np.unique(actions[actions != EVERY]).tolist()):
            which = slice(None) if category == EVERY else actions == category
            total = np.stack([kind[:, which].sum(axis=1) for kind in kinds], axis=1)
            if EVERY in self._totals and self._totals[EVERY].shape != total.shape:
                return False
            before = self._totals.get(category)
            self._totals[category] = total if before is None else before + total
        size, before = kinds[-1].sum(axis=(1, 2)), self._sizes[-1]
        self._sizes[-1] = size if before is None else before + size
        return True
