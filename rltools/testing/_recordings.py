"""Recordings made of arrays, to try code that reads recordings without a policy or an environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rltools.observations import map_leaves, pick
from rltools.recording import Attribution, Episode, Header, Question, Recording, open_recording
from rltools.recording._episode import episode_metadata, observation_column, recorded_leaves
from rltools.recording._files import numbered_path
from rltools.recording._json import write_json
from rltools.recording._writers import BlockFile


@dataclass(frozen=True)
class Explained:
    """One attribution of every episode.

    Attributes:
        question: what was asked.
        episodes: one for each episode, in order.
    """

    question: Question
    episodes: Sequence[Attribution]


def write_recording(
    directory: Path, header: Header, episodes: Sequence[Episode], explained: dict[str, Explained]
) -> Recording:
    """Write a recording as `record` and `explain` do, and open it.

    Args:
        directory: an empty or missing folder.
        header: what holds for every episode.
        episodes: they are numbered by their outcomes.
        explained: by the name of the folder it is kept in.
    """
    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / "recording.json", header.to_json())
    for episode in episodes:
        _write(
            numbered_path(directory / "episodes", episode.outcome.number),
            {
                **{
                    observation_column(leaf): pick(episode.observations, leaf)
                    for leaf in recorded_leaves(episode.features)
                },
                "action": episode.actions,
                "reward": episode.rewards,
                "score": episode.scores,
                "terminated": episode.terminated,
                "truncated": episode.truncated,
            },
            episode_metadata(episode.outcome, _by_column(episode)),
        )
    for key, found in explained.items():
        folder = directory / "attributions" / key
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "attribution.json", found.question.to_json())
        for episode, part in zip(episodes, found.episodes, strict=True):
            columns = {"t": np.arange(len(part)), **_rows(part)}
            _write(numbered_path(folder, episode.outcome.number), columns, {})
    return open_recording(directory)


def shortened(recording: Recording, directory: Path, *, episodes: int, steps: int) -> Recording:
    """A copy of the first episodes of a recording and the first steps of each, with all their attributions."""
    numbers = recording.numbers[:episodes]
    kept = [_first_steps(recording.episode(number), steps) for number in numbers]
    explained = {}
    for key, question in recording.questions.items():
        whole = [recording.attribution_of(key, episodes=[number]) for number in numbers]
        explained[key] = Explained(question, [_first_rows(one, steps) for one in whole])
    return write_recording(directory, recording.header, kept, explained)


def _by_column(episode: Episode) -> dict[str, Any] | None:
    """The final observation, leaf by leaf."""
    if episode.final_observation is None:
        return None
    kept = recorded_leaves(episode.features)
    return {observation_column(leaf): pick(episode.final_observation, leaf) for leaf in kept}


def _first_steps(episode: Episode, steps: int) -> Episode:
    rows: dict[str, Any] = {
        name: getattr(episode, name)[:steps] for name in ("actions", "rewards", "scores", "terminated", "truncated")
    }
    rows["observations"] = map_leaves(
        lambda _, values: values[:steps], episode.observations, recorded_leaves(episode.features)
    )
    outcome = replace(episode.outcome, steps=len(rows["rewards"]), total_reward=float(rows["rewards"].sum()))
    return replace(episode, outcome=outcome, **rows)


def _first_rows(attribution: Attribution, steps: int) -> Attribution:
    kept: dict[str, Any] = {name: column[:steps] for name, column in _rows(attribution).items()}
    return replace(attribution, **kept)


def _rows(attribution: Attribution) -> dict[str, np.ndarray]:
    names = ("values", "scores", "residual", "standard_error", "complete", "clipped")
    columns = {name: getattr(attribution, name) for name in names}
    return {name: column for name, column in columns.items() if column is not None}


def _write(path: Path, columns: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    file = BlockFile(path)
    file.write(columns)
    file.finish(metadata)
