"""One episode: a row per action, with the observation it was taken in."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rltools.recording._columns import damage_named, read_file, read_metadata

ENDINGS = ("terminated", "truncated", "limit", "fault")


@dataclass(frozen=True)
class Outcome:
    """How an episode went.

    Attributes:
        number: of the episode in its recording.
        seed: given to `env.reset`.
        steps: how many actions were taken.
        total_reward: their sum of rewards, undiscounted.
        ended: "terminated" or "truncated" by the environment (both: "terminated"), "limit" by the recorder's own step
            limit, or "fault".
        fault: what went wrong; "" where nothing did.
        outside: how many observations lay outside the declared space; they are kept as they came.
    """

    number: int
    seed: int
    steps: int
    total_reward: float
    ended: str
    fault: str = ""
    outside: int = 0


@dataclass(frozen=True)
class Episode:
    """One row per action, with the observation it was taken in.

    Attributes:
        outcome: seed, length, return and how it ended.
        observations: `[step, *observation]`, as the environment gave them.
        actions: `[step, *action]`, as the environment took them.
        rewards: float64 `[step]`.
        scores: float `[step, k]`, of the policy's first head.
        terminated: bool `[step]`, as given.
        truncated: bool `[step]`, as given.
        final_observation: `[*observation]`, after the last action; None where a fault kept it from coming.
    """

    outcome: Outcome
    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    scores: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    final_observation: np.ndarray | None

    def __len__(self) -> int:
        """How many actions were taken."""
        return len(self.rewards)


def read_outcome(path: Path) -> Outcome:
    """How the episode in a file went, without reading its rows.

    Raises:
        CorruptError: the file is damaged.
    """
    with damage_named(path):
        return Outcome(**json.loads(read_metadata(path)["outcome"]))


def read_episode(path: Path) -> Episode:
    """A whole episode.

    Raises:
        CorruptError: the file is damaged.
    """
    columns, metadata = read_file(path)
    with damage_named(path):
        return Episode(
            outcome=Outcome(**json.loads(metadata["outcome"])),
            observations=columns["observation"],
            actions=columns["action"],
            rewards=columns["reward"],
            scores=columns["score"],
            terminated=columns["terminated"],
            truncated=columns["truncated"],
            final_observation=_from_text(metadata["final_observation"], columns["observation"]),
        )


def episode_metadata(outcome: Outcome, final_observation: np.ndarray | None) -> dict[str, str]:
    """What stands beside an episode's rows."""
    return {
        "outcome": json.dumps(vars(outcome)),
        "final_observation": "" if final_observation is None else _to_text(final_observation),
    }


def _to_text(values: np.ndarray[Any, Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")


def _from_text(text: str, like: np.ndarray) -> np.ndarray | None:
    if not text:
        return None
    return np.frombuffer(base64.b64decode(text), like.dtype).reshape(like.shape[1:])
