"""Reads explained steps, one episode at a time, by feature; images by region and channel."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.errors import ArgumentError, CorruptError
from rltools.recording import Attribution, DamagedFileWarning, Episode, Outcome, Recording, read_draws
from rltools.recording.draws import draws_groups

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


def explained(recording: Recording, key: str) -> Iterator[tuple[Episode, Attribution]]:
    """Each episode with its attributions, one in memory at a time; damaged ones are left out with a warning.

    Raises:
        RecordingError: an episode is not explained yet.
    """
    for number in recording.numbers:
        try:
            yield recording.episode(number), recording.attribution_of(key, episodes=[number])
        except CorruptError as error:
            warnings.warn(str(error), DamagedFileWarning, stacklevel=2)


def flat(values: np.ndarray, axes: int) -> np.ndarray:
    """`values` with the axes beyond the first ones joined into one, also without rows."""
    return values.reshape(*values.shape[:axes], int(np.prod(values.shape[axes:])))


def grouped(values: np.ndarray, groups: Groups) -> np.ndarray:
    """`[..., element]` summed over the elements of each group: float64 `[..., group]`."""
    return np.stack([values[..., elements].sum(axis=-1, dtype=np.float64) for _, elements in groups], axis=-1)


def without_draws(
    recording: Recording, key: str, number: int, groups: Groups, scale: np.ndarray | None = None
) -> np.ndarray | None:
    """Attributions of one episode without each block of draws: `[block, step, target, group]`.

    Args:
        recording: the recording that has the attribution.
        key: the folder name of an attribution in it.
        number: the number of the episode.
        groups: groups of elements; values are summed over each group.
        scale: `[element]`, a factor for the attribution of each element; None for 1.

    Returns:
        float64, NaN if a step was not explained; None without draws, or if they cannot be summed over these groups:
        draws of an image are on disk by region, so they are neither scaled nor split within a region.
    """
    regroup = regrouping(recording, key, groups, scale)
    if regroup is None:
        return None
    draws = read_draws(recording, key, number)
    return None if draws is None else regroup(draws)


def regrouping(
    recording: Recording, key: str, groups: Groups, scale: np.ndarray | None = None
) -> Callable[[np.ndarray], np.ndarray] | None:
    """A function from stored draws `[..., stored]` to their sums over groups; arguments as for `without_draws`."""
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
    states = (episode.states if key is None else recording.encoded_observations(key, episode) for episode in recording)
    result = std(states, size)
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


AT_ONCE = 256
"""How many observations are converted to float64 at a time, because a long episode of images is large."""


def std(episodes: Iterable[np.ndarray], size: int) -> np.ndarray | None:
    """The std of each element over the observations of all episodes; None if no observation is finite.

    Parts are joined as by Chan, Golub and LeVeque (1983), which stays exact if a mean is much larger than the std.

    Args:
        episodes: float `[step, *feature]` each, one in memory at a time, in the features' own units; rows with a NaN or
            an infinity are left out.
        size: the size of an observation.

    Returns:
        float64 `[size]`, in the features' own units.
    """
    count, mean, squares = 0, np.zeros(size), np.zeros(size)
    for states in episodes:
        flat = states.reshape(len(states), size)
        for start in range(0, len(flat), AT_ONCE):
            part = flat[start : start + AT_ONCE].astype(np.float64)
            part = part[np.isfinite(part).all(axis=1)]
            if len(part) == 0:
                continue
            step, total = part.mean(axis=0) - mean, count + len(part)
            squares += part.var(axis=0) * len(part) + step**2 * count * len(part) / total
            mean += step * len(part) / total
            count = total
    return np.sqrt(squares / count) if count else None
