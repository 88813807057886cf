"""Reads explained steps, one episode at a time, by feature; images by region and channel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.errors import ArgumentError, CorruptError
from rltools.recording import Attribution, Episode, Outcome, Recording
from rltools.recording.batches import state_batches
from rltools.recording.draws import DrawReader, draws_groups
from rltools.recording.seal import warn_of_damage
from rltools.summary.one_reading import once

Groups = Sequence[tuple[str, np.ndarray]]


@dataclass(frozen=True)
class EpisodeSteps:
    """One episode, step by step.

    Attributes:
        values: float `[step, group]`, the observed values; the mean over the elements of a region.
        attributions: float `[step, group]`, the attributions of one label; NaN if a step was not explained or the
            method failed.
        scores: float `[step]`, the target value.
        actions: `[step, *action]`, as the environment took them.
    """

    values: np.ndarray
    attributions: np.ndarray
    scores: np.ndarray
    actions: np.ndarray

    __repr__ = short_repr


def flat(values: np.ndarray, axes: int) -> np.ndarray:
    """`values` with the axes beyond the first ones joined into one, also without rows."""
    return values.reshape(*values.shape[:axes], int(np.prod(values.shape[axes:])))


def grouped(values: np.ndarray, groups: Groups) -> np.ndarray:
    """`[..., element]` summed over the elements of each group: float64 `[..., group]`."""
    if are_elements(groups):
        return values[..., [int(elements[0]) for _, elements in groups]].astype(np.float64)
    return np.stack([values[..., elements].sum(axis=-1, dtype=np.float64) for _, elements in groups], axis=-1)


def are_elements(groups: Groups) -> bool:
    """Whether each group is a single element."""
    return all(len(elements) == 1 for _, elements in groups)


class GroupedDraws:
    """Attributions of an episode without each block of draws, by its number: float64 `[block, step, target, group]`.

    NaN if a step was not explained. None without draws, if a file is damaged, with a warning, or if the draws cannot be
    summed over these groups: those of an image are on disk by region, so they are neither scaled nor split within one.

    Args:
        recording: the recording that has the attribution.
        key: the folder name of an attribution in it.
        groups: groups of elements; values are summed over each group.
        scale: `[element]`, a factor for the attribution of each element; None for 1.
    """

    def __init__(self, recording: Recording, key: str, groups: Groups, scale: np.ndarray | None = None) -> None:
        self._recording, self._key = recording, key
        self._regroup = regrouping(recording, key, groups, scale)
        self._reader: DrawReader | None = None

    def __call__(self, number: int) -> np.ndarray | None:
        """The values of the episode with this number."""
        if self._regroup is None:
            return None
        try:
            self._reader = self._reader or DrawReader(self._recording, self._key)
            draws = self._reader.read(number)
        except CorruptError as error:
            warn_of_damage(error, stacklevel=4)
            return None
        return None if draws is None else self._regroup(draws)


def regrouping(
    recording: Recording, key: str, groups: Groups, scale: np.ndarray | None = None
) -> Callable[[np.ndarray], np.ndarray] | None:
    """A function from stored draws `[..., stored]` to their sums over groups; arguments as for `GroupedDraws`."""
    features = recording.features_of(key)
    stored = [elements for _, elements in draws_groups(recording.spec(key), features)]
    if scale is not None and any(len(elements) > 1 for elements in stored):
        return None
    stored_index = np.zeros(features.size, np.int64)
    for index, elements in enumerate(stored):
        stored_index[elements] = index
    places = [(name, np.unique(stored_index[elements])) for name, elements in groups]
    sizes = [sum(len(stored[index]) for index in members) for _, members in places]
    if sizes != [len(elements) for _, elements in groups]:
        return None
    scales = None if scale is None else scale[[int(elements[0]) for elements in stored]]
    return lambda draws: grouped(draws if scales is None else draws * scales, places)


def joined_draws(parts: Sequence[np.ndarray | None], axis: int) -> np.ndarray | None:
    """The draws of all episodes joined; None if an episode has none, or another number of blocks."""
    draws = [part for part in parts if part is not None]
    if not draws or len(draws) < len(parts) or len({len(part) for part in draws}) > 1:
        return None
    return np.concatenate(draws, axis=axis)


def usable(values: np.ndarray) -> np.ndarray:
    """Bool `[step]`: whether a row of `[step, ...]` is finite."""
    finite: np.ndarray = np.isfinite(flat(values, 1)).all(axis=1)
    return finite


def feature_std(recording: Recording, key: str | None = None) -> np.ndarray:
    """The std of each element over all recorded observations: float64 `[element]`, NaN if there are none.

    With a key, observations are those that the attribution explains, such as windows; None takes single observations.
    """
    size = (recording.features if key is None else recording.features_of(key)).size
    spec = None if key is None else recording.spec(key)
    kind = None if spec is None else (spec.window, spec.decoded)  # all that observations depend on
    name = ("std", recording.directory.resolve(), kind)
    result = once(name, lambda: std(state_batches(recording, key), size))
    return np.full(size, np.nan) if result is None else result


def episode_steps(
    recording: Recording,
    key: str,
    number: int,
    *,
    label: int = 0,
    scale: np.ndarray | None = None,
    groups: Groups | None = None,
) -> EpisodeSteps:
    """Every step of one episode, by feature; the arguments are those of `explained_points`.

    If only every n-th step was explained, it stands for the steps that follow.
    """
    episode, attribution = recording.episode(number), recording.attribution_of(key, episodes=[number])
    return steps_of(recording, key, episode, attribution, label=label, scale=scale, groups=groups)


def steps_of(
    recording: Recording,
    key: str,
    episode: Episode,
    attribution: Attribution,
    *,
    label: int = 0,
    scale: np.ndarray | None = None,
    groups: Groups | None = None,
) -> EpisodeSteps:
    """`episode_steps` of an episode and its attributions that were read already."""
    groups = recording.rows(key) if groups is None else groups
    values, attributions = by_group(
        recording.encoded_observations(key, episode), attribution, slice(None), groups, label=label, scale=scale
    )
    scores = attribution.scores[:, label]
    steps = np.arange(len(scores))
    before = np.maximum.accumulate(np.where(np.isfinite(scores), steps, -1)) if len(steps) else steps
    held = np.where((before >= 0) & (steps - before < attribution.spec.every), before, steps)
    return EpisodeSteps(values, attributions[held], scores[held], episode.actions)


def by_group(
    states: np.ndarray,
    attribution: Attribution,
    rows: np.ndarray | slice,
    groups: Groups,
    *,
    label: int,
    scale: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Observed values and attributions of one label at some steps of an episode: float64 `[step, group]` each.

    Args:
        states: `[step, *feature]`, the observations that the attribution explains.
        attribution: the attribution of the episode.
        rows: the rows of the steps.
        groups: groups of elements; attributions are summed over each, and observed values are means. Of a choice that
            is a group by itself, the value is the position of the chosen one.
        label: position of the label whose attributions are taken.
        scale: `[element]`, a factor for the attribution of each element; None for 1.
    """
    of_label, observed = flat(attribution.values[:, label], 1)[rows], flat(states, 1)[rows]
    sizes, one_hot = np.array([len(elements) for _, elements in groups]), attribution.features.choice_slices
    values = grouped(observed, groups) / sizes
    for group, (_, elements) in enumerate(groups):
        if (int(elements[0]), int(elements[-1]) + 1) in one_hot and len(elements) > 1:
            values[:, group] = observed[:, elements].argmax(axis=1)
    return values, grouped(of_label if scale is None else of_label * scale, groups)


Sorting = Literal["return", "number"]


def spread_outcomes(outcomes: Sequence[Outcome], most: int, by: Sorting) -> list[Outcome]:
    """At most `most` episodes with steps: spread evenly by return, the best first; or the first by number.

    The best and the worst are always among those spread by return.

    Raises:
        ArgumentError: an unknown order.
    """
    if by not in get_args(Sorting):
        raise ArgumentError(f"by={by!r} is none of {', '.join(get_args(Sorting))}")
    with_steps = [outcome for outcome in outcomes if outcome.steps]
    if by == "number":
        return sorted(with_steps, key=lambda outcome: outcome.number)[:most]
    with_steps.sort(key=lambda outcome: (-outcome.total_reward, outcome.number))
    places = np.linspace(0, len(with_steps) - 1, min(most, len(with_steps))).round().astype(int)
    return [with_steps[position] for position in places]


AT_ONCE = 1 << 18
"""How many numbers are converted to float64 at a time, because a long episode of images is large."""


def std(episodes: Iterable[np.ndarray], size: int) -> np.ndarray | None:
    """The std of each element over the observations of all episodes; None if no observation is finite.

    Args:
        episodes: float `[step, *feature]` each, one in memory at a time, in the features' own units; rows with a NaN or
            an infinity are left out.
        size: the size of an observation.

    Returns:
        float64 `[size]`, in the features' own units.
    """
    spread = Spread(size)
    for states in episodes:
        spread.add(states)
    return spread.std()


class Spread:
    """The spread of each element over observations that are added one part after another.

    Parts are joined as by Chan, Golub and LeVeque (1983), which stays exact if a mean is much larger than the std.
    Values are taken as differences from the first ones, so that an element which never changes has a std of exactly 0.
    """

    def __init__(self, size: int) -> None:
        self._count, self._first = 0, np.zeros(size)
        self._mean, self._squares = np.zeros(size), np.zeros(size)

    def add(self, states: np.ndarray) -> None:
        """Add observations `[step, *feature]`; rows with a NaN or an infinity are left out."""
        size = len(self._mean)
        rows = states.reshape(len(states), size)
        at_once = max(1, AT_ONCE // max(1, size))
        for start in range(0, len(rows), at_once):
            part = rows[start : start + at_once].astype(np.float64)
            part = part[np.isfinite(part).all(axis=1)]
            if len(part) == 0:
                continue
            if self._count == 0:
                self._first = part[0].copy()
            part -= self._first
            step, total = part.mean(axis=0) - self._mean, self._count + len(part)
            self._squares += part.var(axis=0) * len(part) + step**2 * self._count * len(part) / total
            self._mean += step * len(part) / total
            self._count = total

    def std(self) -> np.ndarray | None:
        """Float64 `[size]`, in the features' own units; None if no observation is finite."""
        return np.sqrt(self._squares / self._count) if self._count else None
