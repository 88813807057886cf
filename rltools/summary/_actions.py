"""The actions that were taken at recorded steps, and whether there was a choice."""

from __future__ import annotations

import numpy as np

from rltools.recording import AttributionSpec, Episode, Recording
from rltools.recording.attribution import first_sampled
from rltools.recording.batches import Batch
from rltools.targets.scores import find_score, score_names

EVERY = -1
"""The category of every step; others are positions of actions."""


def forced_steps(recording: Recording, episode: Episode | Batch) -> np.ndarray:
    """Bool `[step]`: whether only one action (of each choice) was allowed, so that there was nothing to decide."""
    allowed = _allowed(recording, episode)
    forced: np.ndarray = (allowed == 1).all(axis=1) & (allowed.shape[1] > 0)
    return forced


def compares(spec: AttributionSpec) -> bool:
    """Whether the target does not exist at steps at which too few actions are allowed."""
    missing = [name for name in score_names() if find_score(name).forbidden_is_missing]
    return any(name in spec.target for name in ("runner_up", *missing))


def _allowed(recording: Recording, episode: Episode | Batch) -> np.ndarray:
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


def explained_steps(batch: Batch, every: int) -> np.ndarray:
    """Bool `[step]`: whether each step was explained, with a stride over all episodes."""
    first = np.array([first_sampled(outcome.number, every) for outcome in batch.outcomes], np.int64)
    t = np.arange(len(batch)) - np.repeat(batch.starts[:-1], np.diff(batch.starts))
    explained: np.ndarray = (t - first[batch.owners]) % every == 0
    return explained


def named_actions(recording: Recording) -> tuple[str, ...]:
    """The names of the actions if they are one discrete choice; empty otherwise."""
    return recording.header.action_names if recording.header.action_start is not None else ()


def action_positions(recording: Recording, actions: np.ndarray) -> np.ndarray:
    """The position in `named_actions` of each action taken: int64 `[step]`."""
    return actions.astype(np.int64) - int(recording.header.action_start or 0)


def positions_or_every(recording: Recording, actions: np.ndarray) -> np.ndarray:
    """`action_positions` if actions are one discrete choice; `EVERY` otherwise."""
    return action_positions(recording, actions) if named_actions(recording) else np.full(len(actions), EVERY)
