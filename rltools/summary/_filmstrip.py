"""Chooses the frames of a filmstrip, and reads the episode below them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np

from rltools._util.files import numbered
from rltools._util.short_repr import short_repr
from rltools.errors import ArgumentError
from rltools.recording import Outcome, Recording, median_episode
from rltools.summary._images import Choosing
from rltools.summary.episodes import EpisodeSteps, episode_steps


@dataclass(frozen=True)
class Filmstrip:
    """One episode, with a frame for each of some stretches of it.

    Attributes:
        outcome: how the episode ended.
        episode: every step of it.
        frames: int64 `[frame]`, the steps of the frames, in order; empty without frames.
        pictures: uint8 images `[y, x, 3]`, one for each of these steps.
    """

    outcome: Outcome
    episode: EpisodeSteps
    frames: np.ndarray
    pictures: tuple[np.ndarray, ...]

    __repr__ = short_repr


def filmstrip_steps(
    recording: Recording,
    key: str,
    *,
    label: int = 0,
    scale: np.ndarray | None = None,
    episode: int | None = None,
    frames: Choosing | Sequence[int] = "even",
    width: float = 7.0,
    most: int | None = None,
) -> Filmstrip | None:
    """One episode and some of its frames; None if no episode has steps.

    Args:
        recording: the recording of the episode.
        key: the folder name of an attribution in it.
        label: position of the label whose attributions are taken.
        scale: `[element]`, a factor for the attribution of each element; None for 1.
        episode: its number; by default the episode of median return, among those with frames if there are any.
        frames: "even" for the middle of each of `most` equal stretches; "largest" for the step of largest attribution
            in each; or the steps themselves.
        width: of the strip, as a multiple of its height: without `most`, the frames fill it.
        most: the number of stretches.

    Raises:
        UnknownNameError: there is no such episode.
        ArgumentError: there is no such step, or `frames` is another text.
    """
    number = _with_frames(recording) if episode is None else episode
    if number is None:
        return None
    outcome, every = recording.outcome(number), episode_steps(recording, key, number, label=label, scale=scale)
    encoded = recording.frames(number) or []
    if not encoded:
        return Filmstrip(outcome, every, np.zeros(0, np.int64), ())
    height, wide = _picture(encoded[0]).shape[:2]
    count = int(np.clip(round(width * height / wide), *FEWEST_AND_MOST)) if most is None else most
    chosen = _chosen(every, frames, count)
    return Filmstrip(outcome, every, chosen, tuple(_picture(encoded[step]) for step in chosen.tolist()))


FEWEST_AND_MOST = (5, 7)
"""How many frames there are, unless a number is asked for."""


def _with_frames(recording: Recording) -> int | None:
    outcomes = recording.readable_outcomes()
    framed = set(numbered(recording.directory / "frames")) if recording.show_frames else set()
    return median_episode([outcome for outcome in outcomes if outcome.number in framed and outcome.steps] or outcomes)


def _chosen(every: EpisodeSteps, frames: Choosing | Sequence[int], most: int) -> np.ndarray:
    steps = len(every.scores)
    if not isinstance(frames, str):
        if wrong := [step for step in frames if not 0 <= step < steps]:
            raise ArgumentError(f"frames={list(frames)}: there is no step {wrong[0]}; there are {steps}")
        return np.array(sorted(set(frames)), dtype=np.int64)
    if frames not in get_args(Choosing):
        raise ArgumentError(
            f"frames={frames!r} is none of {', '.join(get_args(Choosing))}, and no list of steps; give one of these"
        )
    stretches = [stretch for stretch in np.array_split(np.arange(steps), max(most, 1)) if len(stretch)]
    if frames == "even":
        return np.array([stretch[len(stretch) // 2] for stretch in stretches], dtype=np.int64)
    strength = np.nan_to_num(np.abs(every.attributions)).sum(axis=1)
    return np.array([stretch[strength[stretch].argmax()] for stretch in stretches], dtype=np.int64)


def _picture(frame: bytes) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(frame)).convert("RGB"))
