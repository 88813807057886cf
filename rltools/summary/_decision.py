"""Describes one step: the action taken, and the attributions that led to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.errors import ArgumentError
from rltools.recording import Attribution, Episode, Recording, check_recording
from rltools.recording.batches import explained_episodes
from rltools.summary._actions import action_positions, named_actions
from rltools.summary.episodes import by_group, flat, usable

CONTRAST = " - "
"""Separates the two scores of a difference in the text of a target."""


@dataclass(frozen=True)
class Decision:
    """One explained step.

    Attributes:
        number: the number of its episode.
        step: its position in the episode, from 0.
        steps: how many the episode has.
        action: name of the action taken; "" if actions are not one discrete choice.
        runner_up: name of the allowed action with the next score; "" if there is none.
        gap: score of the action minus the score of the runner-up; NaN if there is none.
        score: the target value.
        residual: what the method leaves unexplained; None if it has no residual.
        values: float `[group]`, the observed values; the mean over the elements of a region.
        attributions: float `[group]`, the attributions of one label.
    """

    number: int
    step: int
    steps: int
    action: str
    runner_up: str
    gap: float
    score: float
    residual: float | None
    values: np.ndarray
    attributions: np.ndarray

    __repr__ = short_repr

    @property
    def baseline(self) -> float | None:
        """The mean target value of the references, from which the attributions start; None without a residual."""
        return None if self.residual is None else float(self.score - self.attributions.sum() - self.residual)


def contrast_key(recording: Recording, method: str | None, target: str | None) -> str:
    """The key of an attribution; by default one that compares the chosen action with another, if there is any.

    Raises:
        RecordingError: no attribution fits.
    """
    check_recording(recording)
    if target is None:
        fitting = [spec for spec in recording.specs.values() if method in (None, spec.method)]
        fitting = [spec for spec in fitting if CONTRAST in spec.target and not spec.window]
        if fitting:
            of_runner_up = [spec for spec in fitting if "runner_up" in spec.target.partition(CONTRAST)[2]]
            return recording.find(method, min((of_runner_up or fitting), key=lambda spec: spec.target).target)
    return recording.find(method, target)


def decision_at(
    recording: Recording,
    key: str,
    *,
    label: int = 0,
    scale: np.ndarray | None = None,
    episode: int | None = None,
    step: int | None = None,
) -> Decision | None:
    """One explained step, by default the one with the largest sum of attributions; None without steps.

    Args:
        recording: the recording that has the attribution.
        key: the folder name of an attribution in it.
        label: position of the label whose attributions are taken.
        scale: `[element]`, a factor for the attribution of each element; None for 1.
        episode: its number; None for any, or for the first one if `step` is given.
        step: its position in the episode.

    Raises:
        UnknownNameError: no such episode.
        ArgumentError: no such step, or it was not explained.
    """
    if step is not None:
        if episode is None and not recording.numbers:
            raise ArgumentError(f"step={step}: {recording.directory} has no episodes; record some first")
        number = recording.numbers[0] if episode is None else episode
        attribution = recording.attribution_of(key, episodes=[number])
        _check_step(attribution, number, step)
        return _decision(recording, key, recording.episode(number), attribution, step, label, scale)
    if episode is None:
        pairs = explained_episodes(recording, key)
    else:
        pairs = iter([(recording.episode(episode), recording.attribution_of(key, episodes=[episode]))])
    best: tuple[float, Episode, Attribution, int] | None = None
    for candidate, attribution in pairs:
        rows = np.flatnonzero(usable(attribution.values))
        values = flat(attribution.values[:, label], 1)[rows]
        pushed = np.abs((values if scale is None else values * scale).sum(axis=1, dtype=np.float64))
        if len(rows) and (best is None or pushed.max() > best[0]):
            best = float(pushed.max()), candidate, attribution, int(rows[pushed.argmax()])
    return None if best is None else _decision(recording, key, *best[1:], label, scale)


def _check_step(attribution: Attribution, number: int, step: int) -> None:
    rows = usable(attribution.values)
    if 0 <= step < len(rows) and rows[step]:
        return
    explained_steps = np.flatnonzero(rows)
    near = (
        f"the nearest explained one is {explained_steps[np.abs(explained_steps - step).argmin()]}"
        if len(explained_steps)
        else "none is explained"
    )
    raise ArgumentError(f"step={step}: episode {number} has {len(rows)} steps, and this one is not explained; {near}")


def _decision(
    recording: Recording,
    key: str,
    episode: Episode,
    attribution: Attribution,
    step: int,
    label: int,
    scale: np.ndarray | None,
) -> Decision:
    states = recording.encoded_observations(key, episode)
    groups = recording.rows(key)
    values, attributions = by_group(states, attribution, slice(step, step + 1), groups, label=label, scale=scale)
    action, runner_up, gap = _choice(recording, episode, step)
    return Decision(
        number=episode.outcome.number,
        step=step,
        steps=len(episode),
        action=action,
        runner_up=runner_up,
        gap=gap,
        score=float(attribution.scores[step, label]),
        residual=None if attribution.residual is None else float(attribution.residual[step, label]),
        values=values[0],
        attributions=attributions[0],
    )


def _choice(recording: Recording, episode: Episode, step: int) -> tuple[str, str, float]:
    names = named_actions(recording)
    if not names or episode.scores.shape[1] != len(names):
        return "", "", float("nan")
    taken = int(action_positions(recording, episode.actions)[step])
    scores = episode.scores[step].astype(np.float64)
    allowed = np.isfinite(scores) if episode.masks is None else episode.masks[step].astype(bool) & np.isfinite(scores)
    allowed[taken] = False
    if not allowed.any():
        return names[taken], "", float("nan")
    second = int(np.where(allowed, scores, -np.inf).argmax())
    return names[taken], names[second], float(scores[taken] - scores[second])
