"""Everything about an episode that its video shows, as numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rltools.pages.replay.data import frames_per_second
from rltools.pages.replay.rows import Row, rows_of
from rltools.recording import Episode, Header, Recording
from rltools.spaces import Features
from rltools.spaces.leaves import pick
from rltools.videos._actions import Actions, actions_of
from rltools.videos._explained import Explained, explained

MOST, MOST_LONG, MOST_REGIONS = 11, 7, 8
"""So many features have a row; fewer where names take two lines, or where they are regions beside their picture."""
LONG = 40
USUAL_RATE = 30.0


@dataclass(frozen=True)
class Seen:
    """The one choice of each step that was observed.

    Attributes:
        rows: `[step]`.
        values: float64 `[step]`, its attribution; NaN where nothing was explained.
    """

    rows: list[Row]
    values: np.ndarray


@dataclass(frozen=True)
class Scene:
    """An episode with steps.

    Attributes:
        header: of the recording.
        episode: the numbers as they were recorded.
        rate: steps a second in real time.
        rate_known: whether the environment said so.
        rows: the features that are drawn, in their order: those that matter most over the episode.
        there: how many features there are.
        observed: float64 `[step, row]`, NaN for regions of a picture.
        explained: of these rows; None where nothing was.
        seen: where something is chosen out of more than there are rows for, what it is at each step; else None.
        actions: taken, and what was thought of them.
        texts: what the observation says in words, by name.
        frames: WebP, one before each action; None where none were kept.
    """

    header: Header
    episode: Episode
    rate: float
    rate_known: bool
    rows: list[Row]
    there: int
    observed: np.ndarray
    explained: Explained | None
    seen: Seen | None
    actions: Actions
    texts: dict[str, list[str]]
    frames: list[bytes] | None


def scene_of(recording: Recording, number: int, method: str | None, target: str | None) -> Scene:
    """Read one episode.

    Raises:
        RecordingError: no attribution that fits, or none of this episode yet.
        CorruptError: a file is damaged.
    """
    header, episode = recording.header, recording.episode(number)
    rate = frames_per_second(recording, number)
    every = rows_of(recording.features)
    asked = explained(recording, number, every, method, target)
    states = _observed(episode, every)
    seen = _seen(every, asked, states)
    picked = _picked(every, asked, states, _most(every) - (seen is not None))
    return Scene(
        header=header,
        episode=episode,
        rate=rate or USUAL_RATE,
        rate_known=rate is not None,
        rows=[every[at] for at in picked],
        there=len(every),
        observed=states[:, picked],
        explained=None if asked is None else asked.of(picked),
        seen=seen,
        actions=actions_of(header, episode),
        texts=_texts(recording.features, episode),
        frames=recording.frames(number) or None,
    )


def _observed(episode: Episode, rows: list[Row]) -> np.ndarray:
    found = np.full((len(episode), len(rows)), np.nan)
    single = [at for at, row in enumerate(rows) if row.kind != "region"]
    if single:
        states = episode.states.reshape(len(episode), -1)
        found[:, single] = states[:, [int(rows[at].entries[0]) for at in single]]
    return found


def _seen(rows: list[Row], asked: Explained | None, observed: np.ndarray) -> Seen | None:
    choices = np.array([at for at, row in enumerate(rows) if row.kind == "choice"], int)
    chosen = observed[:, choices] == 1
    if len(choices) <= _most(rows) or not (chosen.sum(axis=1) == 1).all():
        return None
    places = choices[chosen.argmax(axis=1)]
    values = np.full(len(places), np.nan) if asked is None else asked.values[np.arange(len(places)), places]
    return Seen([rows[at] for at in places], values)


def _picked(rows: list[Row], asked: Explained | None, observed: np.ndarray, most: int) -> list[int]:
    """The largest attributions over the episode; without any, numbers before choices, of these the most often seen."""
    if asked is not None:
        sizes = np.nansum(np.abs(asked.values), axis=0)
    else:
        sizes = np.array([np.inf if row.kind == "number" else np.mean(observed[:, at]) for at, row in enumerate(rows)])
        sizes[[row.kind == "region" for row in rows]] = -1.0
    found: list[int] = np.argsort(-sizes, kind="stable")[:most].tolist()
    return sorted(found)


def _most(rows: list[Row]) -> int:
    if rows and all(row.kind == "region" for row in rows):
        return MOST_REGIONS
    return MOST_LONG if any(len(row.name) + len(row.unit) > LONG for row in rows) else MOST


def _texts(features: Features, episode: Episode) -> dict[str, list[str]]:
    leaves = [leaf for leaf in features.leaves if leaf.kind == "text"]
    return {leaf.name or "observation": list(map(str, pick(episode.observations, leaf))) for leaf in leaves}
