"""One episode: a row per action, with the observation it was taken in."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rltools._util.console import bytes_text, text_bytes, whole_text
from rltools._util.short_repr import array_repr
from rltools.recording.parquet import damage_named, read_file, read_metadata
from rltools.recording.seal import NUMBER, RECORDING, check_identity
from rltools.spaces import Features
from rltools.spaces.leaves import Leaf, nest

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
        out_of_space: how many observations lay outside the space of the policy; they are kept as they came.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> [(outcome.number, outcome.steps, outcome.ended) for outcome in recording.outcomes()]
        [(0, 40, 'limit'), (1, 40, 'limit'), (2, 40, 'limit')]
    """

    number: int
    seed: int
    steps: int
    total_reward: float
    ended: str
    fault: str = ""
    out_of_space: int = 0


@dataclass(frozen=True)
class Episode:
    """One row per action, with the observation it was taken in.

    Attributes:
        outcome: seed, length, return and how it ended.
        observations: `[step, *observation]`, as the environment gave them; of a Dict or Tuple a structure like it, with
            such an array, or texts, at each leaf.
        features: names, units and shape of what they become; see `states`.
        actions: `[step, *action]`, as the environment took them.
        rewards: float64 `[step]`.
        scores: float `[step, k]`, of the policy's first head.
        terminated: bool `[step]`, as given.
        truncated: bool `[step]`, as given.
        final_observation: `[*observation]`, after the last action; None where a fault kept it from coming.
        masks: bool `[step, k]`, which actions were allowed; None where the policy does not ask.
        recurrent_states: float `[step, state]`, what a recurrent policy remembered before each step; None for others.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> episode = recording.episode(0)
        >>> len(episode), episode.outcome.total_reward, episode.outcome.ended
        (40, 40.0, 'limit')
        >>> episode.observations.shape
        (40, 4)
        >>> for episode in recording:
        ...     print(episode.outcome.number, episode.actions[:5])
        0 [1 0 1 0 0]
        1 [1 1 0 1 0]
        2 [1 1 0 1 0]
    """

    outcome: Outcome
    observations: Any
    actions: np.ndarray
    rewards: np.ndarray
    scores: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    final_observation: Any
    features: Features
    masks: np.ndarray | None = None
    recurrent_states: np.ndarray | None = None

    def __repr__(self) -> str:
        """Which it is, how it went, and the shapes of what it holds."""
        how, what = self.outcome, array_repr(self.observations)
        seen = f"observations {what}" if what else f"{len(self.features.leaves)} arrays of observations"
        return (
            f"Episode({how.number}, seed {how.seed}: {how.steps:,} steps, return {how.total_reward:.4g}, "
            f"ended by {how.ended}; {seen}, actions {array_repr(self.actions)})"
        )

    @property
    def states(self) -> np.ndarray:
        """`[step, *feature]`: the observations as the numbers they become, choices one-hot, a Dict flat."""
        return self.features.encode(self.observations)

    def __len__(self) -> int:
        """How many actions were taken."""
        return len(self.rewards)


def read_outcome(path: Path, recording: str = "") -> Outcome:
    """How the episode in a file went, without reading its rows.

    Args:
        path: of the file.
        recording: the seal of the recording it should be of; "" for any.

    Raises:
        CorruptError: the file is damaged, or is another episode's.
    """
    return _outcome(path, read_metadata(path), recording)


_NAMES = {"outside": "out_of_space"}
"""Attributes of an outcome by what files call them, where that is another name."""


def _outcome(path: Path, metadata: Mapping[str, str], recording: str) -> Outcome:
    with damage_named(path):
        entries = json.loads(metadata["outcome"])
        outcome = Outcome(**{_NAMES.get(name, name): value for name, value in entries.items()})
    check_identity(path, {**metadata, NUMBER: f"{outcome.number:06d}"}, {NUMBER: path.stem, RECORDING: recording})
    return outcome


def observation_column(leaf: Leaf) -> str:
    """The column of an episode's file that holds a leaf of its observations."""
    if not leaf.path:
        return "observation"
    return whole_text(f"observation/{leaf.name}")


def recorded_leaves(features: Features) -> tuple[Leaf, ...]:
    """The leaves of the observations that a recording of these features holds."""
    return features.leaves or (Leaf((), "number", features.shape, ""),)


def nested_observations(columns: Mapping[str, np.ndarray], features: Features) -> Any:
    """Observations `[row, ...]` out of the columns of a file."""
    return nest([(leaf, _texts_or_numbers(leaf, columns)) for leaf in recorded_leaves(features)])


def read_episode(path: Path, features: Features, recording: str = "") -> Episode:
    """A whole episode; the arguments are those of `read_outcome`, and what the observations become.

    Raises:
        CorruptError: the file is damaged, or is another episode's.
    """
    columns, metadata = read_file(path)
    outcome = _outcome(path, metadata, recording)
    with damage_named(path):
        if len(columns["reward"]) != outcome.steps:
            raise ValueError(f"it says {outcome.steps} steps and has {len(columns['reward'])}")
        return Episode(
            outcome=outcome,
            observations=nested_observations(columns, features),
            actions=columns["action"],
            rewards=columns["reward"],
            scores=columns["score"],
            terminated=columns["terminated"],
            truncated=columns["truncated"],
            final_observation=_from_text(metadata["final_observation"], columns, features),
            features=features,
            masks=columns.get("mask"),
            recurrent_states=columns.get("state"),
        )


def episode_metadata(outcome: Outcome, final_observation: Mapping[str, Any] | None) -> dict[str, str]:
    """What stands beside an episode's rows; the final observation comes by column."""
    kept = None if final_observation is None else {name: _to_text(value) for name, value in final_observation.items()}
    only = kept is not None and list(kept) == ["observation"]
    on_disk = {name: written for written, name in _NAMES.items()}
    return {
        "outcome": json.dumps({on_disk.get(name, name): value for name, value in vars(outcome).items()}),
        "final_observation": "" if kept is None else kept["observation"] if only else json.dumps(kept),
    }


def _texts_or_numbers(leaf: Leaf, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    values = columns[observation_column(leaf)]
    if leaf.kind != "text":
        return values
    return np.array([bytes_text(text) for text in values], dtype=object)


def _to_text(value: Any) -> str:
    values = np.asarray(value)
    content = text_bytes(str(values)) if values.dtype.kind in "OU" else np.ascontiguousarray(values).tobytes()
    return base64.b64encode(content).decode("ascii")


def _from_text(text: str, columns: Mapping[str, np.ndarray], features: Features) -> Any:
    if not text:
        return None
    kept = json.loads(text) if text.startswith("{") else {"observation": text}
    found = []
    for leaf in recorded_leaves(features):
        name = observation_column(leaf)
        content, like = base64.b64decode(kept[name]), columns[name]
        text_leaf = leaf.kind == "text"
        value = bytes_text(content) if text_leaf else np.frombuffer(content, like.dtype).reshape(like.shape[1:])
        found.append((leaf, value))
    return nest(found)
