"""Collects explained steps as points: observed values, attributions and actions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.recording import Recording
from rltools.recording.batches import explained_episodes
from rltools.summary._actions import action_positions, named_actions
from rltools.summary.episodes import GroupedDraws, Groups, by_group, flat, grouped, joined_draws, usable

MOST = 20_000
"""How many points are enough for a plot and its averages."""


@dataclass(frozen=True)
class Points:
    """Explained steps of all episodes, one after another.

    Attributes:
        values: float `[step, group]`, the observed values; the mean over the elements of a region.
        attributions: float `[step, group]`, the attributions of one label; the sum over the elements of a region.
        scores: float `[step]`, the target value.
        actions: int64 `[step]`, positions in `action_names`; -1 if actions are not one discrete choice.
        episodes: int64 `[step]`, the episode of each step, counted from 0.
        numbers: int64 `[step]`, the number of that episode in its recording.
        steps: int64 `[step]`, the index of each step in its episode.
        action_names: the names of the discrete actions; empty if actions are not one discrete choice.
        n: the number of explained steps, which exceeds the number of points if the stride is above 1.
        without: float `[block, step, group]`, the attributions without each block of draws; None without draws, or if
            an episode has none on disk.
    """

    values: np.ndarray
    attributions: np.ndarray
    scores: np.ndarray
    actions: np.ndarray
    episodes: np.ndarray
    numbers: np.ndarray
    steps: np.ndarray
    action_names: tuple[str, ...]
    n: int
    without: np.ndarray | None = None

    __repr__ = short_repr


def explained_points(
    recording: Recording,
    key: str,
    *,
    label: int = 0,
    stride: int = 1,
    scale: np.ndarray | None = None,
    groups: Groups | None = None,
) -> Points:
    """One of every `stride` explained steps, with the action taken in it.

    Args:
        recording: the recording that has the attribution.
        key: the folder name of an attribution in it.
        label: position of the label whose attributions are taken.
        stride: the stride over all episodes together, so that long ones have the same weight as in the summary.
        scale: `[element]`, a factor for the attribution of each element; None for 1.
        groups: what values are summed over, such as `Summary.rows`; None for the variables.

    Raises:
        RecordingError: an episode is not explained yet.
    """
    groups = recording.rows(key) if groups is None else groups
    nothing = np.zeros((0, len(groups)))
    parts = [(nothing, nothing, np.zeros(0), *[np.zeros(0, np.int64)] * 4)]
    draws: list[np.ndarray | None] = []
    names = named_actions(recording)
    count = 0
    without_draws = GroupedDraws(recording, key, groups, scale)
    for number, (episode, attribution) in enumerate(explained_episodes(recording, key)):
        rows = np.flatnonzero(usable(attribution.values))
        taken = rows[(count + np.arange(len(rows))) % stride == 0]
        count += len(rows)
        actions = action_positions(recording, episode.actions) if names else np.full(len(episode), -1)
        if len(taken):
            without = without_draws(episode.outcome.number)
            draws.append(None if without is None else without[:, taken, label])
        parts.append(
            (
                *by_group(
                    recording.encoded_observations(key, episode), attribution, taken, groups, label=label, scale=scale
                ),
                attribution.scores[taken, label].astype(np.float64),
                actions[taken],
                np.full(len(taken), number),
                np.full(len(taken), episode.outcome.number),
                taken,
            )
        )
    values, attributions, scores, taken_actions, episodes, numbers, steps = (
        np.concatenate(each) for each in zip(*parts, strict=True)
    )
    without = joined_draws(draws, axis=1)
    return Points(values, attributions, scores, taken_actions, episodes, numbers, steps, names, count, without)


def extreme_steps(recording: Recording, key: str, *, label: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The step at which each feature has its largest attribution: numbers of episodes and steps, int64 `[group]` each.

    Args:
        recording: the recording that has the attribution.
        key: the folder name of an attribution in it.
        label: position of the label whose attributions are taken.
    """
    groups = recording.rows(key)
    numbers, steps, largest = (np.zeros(len(groups), kind) for kind in (np.int64, np.int64, np.float64))
    largest -= 1
    for episode, attribution in explained_episodes(recording, key):
        rows = np.flatnonzero(usable(attribution.values))
        if not len(rows):
            continue
        sizes = np.abs(grouped(flat(attribution.values[:, label], 1)[rows], groups))
        strongest = sizes.argmax(axis=0)
        size = sizes[strongest, np.arange(len(groups))]
        larger = size > largest
        numbers[larger], steps[larger], largest[larger] = episode.outcome.number, rows[strongest][larger], size[larger]
    return numbers, steps


def stride_for(steps: int, most: int = MOST) -> int:
    """The smallest stride with which at most `most` of these steps are taken."""
    return max(1, -(-steps // most))
