"""Sums per episode: all that a summary needs of a recording, whatever its length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rltools.recording import Episode, Recording
from rltools.summary._steps import explained, flat, grouped, state_deviation, usable

AT_ONCE = 1 << 19
"""Numbers of attributions, or of states, that are widened at a time."""


@dataclass(frozen=True)
class Sums:
    """Sums over the explained steps of each episode. The first category is every step, the others one action each.

    Attributes:
        counts: int `[episode, category]`, explained steps.
        totals: float `[episode, category, kind, target, group]`; the kinds are signed and absolute attributions and,
            where there is a deviation, the same two standardised.
        states: float `[episode, 3, group]`, of all recorded states: how many, and the sums of their distances and
            squared distances from the first one; None for images, and where nothing is standardised.
        zero: int `[episode]`, explained steps at which every attribution is exactly 0, though there was a choice.
        failed: int `[episode]`, steps whose score is known and whose attribution is not finite.
        steps: int `[episode]`, all recorded steps.
        residuals: float `[step, target]`, None where the method has none.
        scores: float `[step, target]`, of the same steps.
        incomplete: steps whose residual is larger than the method promises; None where it promises nothing.
        clipped: steps with an entry that a normalisation clips.
        forced: steps at which only one action was allowed.
    """

    counts: np.ndarray
    totals: np.ndarray
    states: np.ndarray | None
    zero: np.ndarray
    failed: np.ndarray
    steps: np.ndarray
    residuals: np.ndarray | None
    scores: np.ndarray
    incomplete: int | None
    clipped: int
    forced: int


def collect(recording: Recording, key: str, deviation: np.ndarray | None, *, merged: bool = False) -> Sums:
    """Go through a recording once, one episode in memory at a time.

    Args:
        recording: where from.
        key: the folder name of an attribution in it.
        deviation: `[entry]`, what standardised attributions are multiplied with; None for none.
        merged: a choice as one feature, the sum of its one-hot entries.
    """
    features = recording.features_of(key)
    groups = features.groups(merged=merged)
    labels = len(recording.question(key).labels)
    categories = 1 + len(named_actions(recording))
    kinds = 2 if deviation is None else 4
    counts, totals, states, zero, failed, steps, residuals, scores, complete = [], [], [], [], [], [], [], [], []
    origin: np.ndarray | None = None
    clipped = forced = 0
    for episode, found in explained(recording, key):
        rows = usable(found.values)
        chosen, alone = _categories(recording, episode), _forced(recording, episode)
        counts.append([int(rows.sum()), *np.bincount(chosen[rows], minlength=categories)[1:]])
        total, none = np.zeros((categories, kinds, labels, len(groups))), 0
        for few in _pieces(len(rows), labels * features.size):
            kept = rows[few]
            values, action = flat(found.values, 2)[few][kept], chosen[few][kept]
            parts = [grouped(values, groups)] + ([] if deviation is None else [grouped(values * deviation, groups)])
            kinded = np.stack([kind for part in parts for kind in (part, np.abs(part))], axis=1)
            by_action = [kinded[action == category].sum(axis=0) for category in range(1, categories)]
            total += np.stack([kinded.sum(axis=0), *by_action])
            none += int(((flat(values, 1) == 0).all(axis=1) & ~alone[few][kept]).sum())
        totals.append(total)
        zero.append(none)
        forced += int(alone[rows].sum())
        failed.append(int((~rows & np.isfinite(found.scores).all(axis=1)).sum()))
        steps.append(len(episode))
        scores.append(found.scores[rows])
        if found.residual is not None:
            residuals.append(found.residual[rows])
        if found.complete is not None:
            complete.append(found.complete[rows])
        if found.clipped is not None:
            clipped += int((found.clipped[rows] > 0).sum())
        if deviation is not None and len(groups) == features.size:
            observed = flat(recording.states_of(key, episode), 1)
            moments = np.zeros((3, features.size))
            for few in _pieces(*observed.shape):
                part = observed[few].astype(np.float64)
                part = part[usable(part)]
                origin = part[0] if origin is None and len(part) else origin
                moments += _moments(part if origin is None else part - origin)
            states.append(moments)
    shape = (categories, kinds, labels, len(groups))
    return Sums(
        counts=np.array(counts, dtype=np.int64).reshape(-1, categories),
        totals=np.stack(totals) if totals else np.zeros((0, *shape)),
        states=np.stack(states) if states else None,
        zero=np.array(zero, dtype=np.int64),
        failed=np.array(failed, dtype=np.int64),
        steps=np.array(steps, dtype=np.int64),
        residuals=np.concatenate(residuals) if residuals else None,
        scores=np.concatenate(scores) if scores else np.zeros((0, labels)),
        incomplete=int((~np.concatenate(complete)).sum()) if complete else None,
        clipped=clipped,
        forced=forced,
    )


def _pieces(rows: int, entries: int) -> Iterator[slice]:
    """So many rows at a time that what is computed of them in float64 stays small beside a long episode."""
    few = max(1, AT_ONCE // max(1, entries))
    return (slice(start, start + few) for start in range(0, rows, few))


def magnitudes(recording: Recording, key: str) -> np.ndarray:
    """How much each feature mattered in each episode, over all steps and targets: float64 `[episode, group]`.

    Standardised where the attribution of this key is in "score per unit".

    Raises:
        RecordingError: an episode is not explained yet.
    """
    deviation = state_deviation(recording, key) if recording.question(key).unit == "score per unit" else None
    # The last kind is that of magnitudes, standardised where there is a deviation; the first category is every step.
    sizes: np.ndarray = collect(recording, key, deviation).totals[:, 0, -1].sum(axis=1)
    return sizes


def _forced(recording: Recording, episode: Episode) -> np.ndarray:
    """Bool `[step]`: where nothing was left to decide, because one action was allowed (of each choice)."""
    if episode.masks is None:
        return np.zeros(len(episode), bool)
    forced: np.ndarray = episode.masks.sum(axis=1) == max(1, len(recording.header.branches))
    return forced


def named_actions(recording: Recording) -> tuple[str, ...]:
    """The actions that steps can be told apart by: of one discrete choice; none otherwise."""
    return recording.header.action_names if recording.header.action_start is not None else ()


def action_positions(recording: Recording, episode: Episode) -> np.ndarray:
    """Which of `named_actions` was taken: int64 `[step]`."""
    return episode.actions.astype(np.int64) - int(recording.header.action_start or 0)


def _categories(recording: Recording, episode: Episode) -> np.ndarray:
    if not named_actions(recording):
        return np.zeros(len(episode), np.int64)
    return 1 + action_positions(recording, episode)


def _moments(distances: np.ndarray) -> np.ndarray:
    count = np.full(distances.shape[1], float(len(distances)))
    return np.stack([count, distances.sum(axis=0), (distances**2).sum(axis=0)])
