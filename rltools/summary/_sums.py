"""Sums per episode: all that a summary needs of a recording, whatever its length."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rltools.recording import Episode, Recording
from rltools.stats import Jackknife, Named, jackknife
from rltools.summary._steps import (
    explained,
    flat,
    grouped,
    joined_draws,
    state_deviation,
    usable,
    without_draws,
)


@dataclass(frozen=True)
class Sums:
    """Sums over the explained steps of each episode. The first category is every step, the others one action each.

    Attributes:
        counts: int `[episode, category]`, explained steps.
        totals: float `[episode, category, kind, target, group]`; the kinds are signed and absolute attributions and,
            where there is a deviation, the same two standardised.
        without: float `[block, episode, category, kind, target, group]`, totals without each block of what was drawn
            for all steps together, the references for instance; None where nothing was, or it was not kept.
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
    without: np.ndarray | None
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
    draws: list[np.ndarray | None] = []
    origin: np.ndarray | None = None
    clipped = forced = 0
    for episode, found in explained(recording, key):
        rows = usable(found.values)
        values = flat(found.values, 2)[rows]
        chosen = _categories(recording, episode)[rows]
        parts = [grouped(values, groups)] + ([] if deviation is None else [grouped(values * deviation, groups)])
        counts.append([len(values), *np.bincount(chosen, minlength=categories)[1:]])
        totals.append(_totals(np.stack(parts), chosen, categories))
        if rows.any():
            draws.append(_draws(recording, key, episode.outcome.number, deviation, merged, rows, chosen, categories))
        alone = _forced(recording, episode)[rows]
        forced += int(alone.sum())
        zero.append(int(((flat(values, 1) == 0).all(axis=1) & ~alone).sum()))
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
            observed = flat(recording.states_of(key, episode), 1).astype(np.float64)
            observed = observed[usable(observed)]
            origin = observed[0] if origin is None and len(observed) else origin
            states.append(_moments(observed if origin is None else observed - origin))
    shape = (categories, kinds, labels, len(groups))
    return Sums(
        counts=np.array(counts, dtype=np.int64).reshape(-1, categories),
        totals=np.stack(totals) if totals else np.zeros((0, *shape)),
        without=_with_gaps(joined_draws(draws, axis=1), np.array(counts).reshape(-1, categories)[:, 0] > 0),
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


def _totals(parts: np.ndarray, chosen: np.ndarray, categories: int) -> np.ndarray:
    """From `[1 or 2, step, target, group]`, plain and standardised, to `[category, kind, target, group]`."""
    kinded = np.stack([kind for part in parts for kind in (part, np.abs(part))], axis=1)
    by_action = [kinded[chosen == category].sum(axis=0) for category in range(1, categories)]
    return np.stack([kinded.sum(axis=0), *by_action])


def _draws(
    recording: Recording,
    key: str,
    number: int,
    deviation: np.ndarray | None,
    merged: bool,
    rows: np.ndarray,
    chosen: np.ndarray,
    categories: int,
) -> np.ndarray | None:
    """The totals of one episode without each block of draws: `[block, 1, category, kind, target, group]`."""
    parts = [without_draws(recording, key, number, merged=merged)]
    if deviation is not None:
        parts.append(without_draws(recording, key, number, deviation, merged=merged))
    there = [part[:, rows] for part in parts if part is not None]
    if len(there) < len(parts):
        return None
    return np.stack([_totals(np.stack(block), chosen, categories) for block in zip(*there, strict=True)])[:, None]


def _with_gaps(draws: np.ndarray | None, used: np.ndarray) -> np.ndarray | None:
    """Draws of the episodes that have explained steps, with 0 in place of the others."""
    if draws is None:
        return None
    whole = np.zeros((len(draws), len(used), *draws.shape[2:]))
    whole[:, used] = draws
    return whole


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

    def mattering(self) -> Magnitudes:
        """Of the episodes in which any feature mattered."""
        used = self.sizes.sum(axis=1) > 0
        return Magnitudes(self.sizes[used], None if self.without is None else self.without[:, used])

    def drawn(self, statistic: Callable[[np.ndarray], Named]) -> dict[str, Jackknife]:
        """A statistic of the sums over episodes `[draw, group]`, without each part of what was drawn."""
        without = [] if self.without is None else [self.without.sum(axis=1)]
        return jackknife(statistic, [self.sizes], without)


def magnitudes(recording: Recording, key: str) -> Magnitudes:
    """How much each feature mattered in each episode, over all steps and targets.

    Standardised where the attribution of this key is in "score per unit".

    Raises:
        RecordingError: an episode is not explained yet.
    """
    deviation = state_deviation(recording, key) if recording.question(key).unit == "score per unit" else None
    # The last kind is that of magnitudes, standardised where there is a deviation; the first category is every step.
    sums = collect(recording, key, deviation)
    without = None if sums.without is None else sums.without[:, :, 0, -1].sum(axis=2)
    return Magnitudes(sums.totals[:, 0, -1].sum(axis=1), without)


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
