"""Episodes: a row per action, with the observation on which it was taken."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from rltools._util.console import bytes_text, text_bytes, whole_text
from rltools._util.short_repr import array_repr
from rltools.recording.parquet import damage_as_corrupt, read_file, read_metadata
from rltools.recording.seal import NUMBER, RECORDING, check_identity
from rltools.spaces import Features
from rltools.spaces.factors import decode_observations
from rltools.spaces.leaves import Leaf, nest

ENDINGS = ("terminated", "truncated", "limit", "fault")


@dataclass(frozen=True)
class Outcome:
    """How an episode went.

    Attributes:
        number: of the episode in its recording.
        seed: passed to `env.reset`.
        steps: how many actions were taken.
        total_reward: the sum of rewards, undiscounted.
        ended: "terminated" or "truncated" by the environment (both: "terminated"), "limit" by the recorder's own step
            limit, or "fault".
        fault: the error that ended it; "" without one.
        out_of_space: how many observations were outside the space of the policy; they are recorded as they were.

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


Place = Literal["best", "median", "worst"]
PLACES: tuple[Place, ...] = ("worst", "median", "best")
"""What an episode may be called by its return."""


def notable_episodes(outcomes: Sequence[Outcome]) -> dict[Place, Outcome]:
    """The episodes with the best, the median and the worst return, of those that have steps.

    Of two medians the better one, of equal returns those with the lower numbers first; each episode once, so that there
    are fewer than three where fewer have steps.

    >>> outcomes = [Outcome(number, 0, steps=1, total_reward=5.0 * number, ended="limit") for number in (0, 1, 2)]
    >>> {place: outcome.number for place, outcome in notable_episodes(outcomes).items()}
    {'best': 2, 'median': 1, 'worst': 0}
    """
    ranked = _by_return(outcomes)
    positions: dict[int, Place] = {}
    if ranked:
        places: tuple[Place, ...] = ("best", "median", "worst")
        for place, position in zip(places, (len(ranked) - 1, len(ranked) // 2, 0), strict=True):
            positions.setdefault(position, place)
    return {place: ranked[position] for position, place in positions.items()}


def episode_called(outcomes: Sequence[Outcome], name: str) -> int | None:
    """The number of the episode that goes by a name, "worst", "best" or "median" by its return; None without steps.

    >>> outcomes = [Outcome(number, 0, steps=1, total_reward=5.0 * number, ended="limit") for number in (0, 1)]
    >>> episode_called(outcomes, "worst"), episode_called(outcomes, "best"), episode_called([], "best")
    (0, 1, None)
    """
    ranked = _by_return(outcomes)
    position = {"worst": 0, "median": len(ranked) // 2, "best": len(ranked) - 1}[name]
    return ranked[position].number if ranked else None


def median_episode(outcomes: Sequence[Outcome]) -> int | None:
    """The number of the episode of median return, of the better one where there are two; None without steps.

    >>> outcomes = [Outcome(number, 0, steps=1, total_reward=5.0 * number, ended="limit") for number in (0, 1, 2)]
    >>> median_episode(outcomes)
    1
    """
    ranked = _by_return(outcomes)
    return ranked[len(ranked) // 2].number if ranked else None


def _by_return(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The episodes that have steps, the lowest return first."""
    return sorted(
        (outcome for outcome in outcomes if outcome.steps), key=lambda outcome: (outcome.total_reward, outcome.number)
    )


@dataclass(frozen=True)
class Episode:
    """One row per action, with the observation on which it was taken.

    Attributes:
        outcome: seed, length, return and how it ended.
        observations: `[step, *observation]`, as the environment returned them; for a Dict or Tuple a structure of the
            same kind, with such an array, or texts, at each leaf.
        features: names, units and shape of the encoded observations, `states`.
        actions: `[step, *action]`, as they were passed to the environment.
        rewards: float64 `[step]`.
        scores: float `[step, k]`, of the policy's first head.
        terminated: bool `[step]`, as the environment returned it.
        truncated: bool `[step]`, as the environment returned it.
        final_observation: `[*observation]`, after the last action; None after a fault.
        masks: bool `[step, k]`, which actions were allowed; None for policies without action masks.
        recurrent_states: float `[step, state]`, of a recurrent policy before each step; None for others.
        values: float32 `[step + 1]`, what the policy's own critic or Q-network takes the state before each step to be
            worth, in discounted return, the last one that of the final observation, NaN after a fault; for continuous
            actions of a Q-network the value of the action taken. None for policies without values. Their scale is that
            of the training, see `Header.reward_scale`.
        choices: `[step, *action]`, what the policy itself would have done, where the actions are those of a data set;
            None where it acted itself.

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
    values: np.ndarray | None = None
    choices: np.ndarray | None = None

    def __repr__(self) -> str:
        """Number, outcome and shapes."""
        outcome, shape = self.outcome, array_repr(self.observations)
        observations = f"observations {shape}" if shape else f"{len(self.features.leaves)} arrays of observations"
        return (
            f"Episode({outcome.number}, seed {outcome.seed}: {outcome.steps:,} steps, return "
            f"{outcome.total_reward:.4g}, ended by {outcome.ended}; {observations}, actions {array_repr(self.actions)})"
        )

    def decoded(self) -> Episode:
        """The episode with choices as the factors that they combine; the same if no card names any."""
        features = self.features.decoded
        if features is self.features:
            return self
        observations = decode_observations(self.features, self.observations)
        return replace(self, observations=observations, features=features)

    @property
    def states(self) -> np.ndarray:
        """The encoded observations `[step, *feature]`: choices one-hot, a Dict flat."""
        return self.features.encode(self.observations)

    def __len__(self) -> int:
        """How many actions were taken."""
        return len(self.rewards)


def read_outcome(path: Path, recording: str = "") -> Outcome:
    """The outcome of the episode in a file, without reading its rows.

    Args:
        path: of the file.
        recording: the seal that its recording should have; "" for any.

    Raises:
        CorruptError: the file is damaged, or of another episode.
    """
    return outcome_in(path, read_metadata(path), recording)


_NAMES = {"outside": "out_of_space"}
"""Attributes of an outcome by their names in files, if these differ."""


def outcome_in(path: Path, metadata: Mapping[str, str], recording: str) -> Outcome:
    """The outcome in the metadata of an episode's file; arguments and errors are those of `read_outcome`."""
    with damage_as_corrupt(path):
        content = json.loads(metadata["outcome"])
        outcome = Outcome(**{_NAMES.get(name, name): value for name, value in content.items()})
    check_identity(path, {**metadata, NUMBER: f"{outcome.number:06d}"}, {NUMBER: path.stem, RECORDING: recording})
    return outcome


def observation_column(leaf: Leaf) -> str:
    """The name of the column of a leaf of the observations."""
    if not leaf.path:
        return "observation"
    return whole_text(f"observation/{leaf.name}")


def recorded_leaves(features: Features) -> tuple[Leaf, ...]:
    """The leaves of recorded observations with these features."""
    return features.leaves or (Leaf((), "number", features.shape, ""),)


def nested_observations(columns: Mapping[str, np.ndarray], features: Features) -> Any:
    """Observations `[row, ...]`, from the columns of a file."""
    return nest([(leaf, _texts_or_numbers(leaf, columns)) for leaf in recorded_leaves(features)])


def read_episode(path: Path, features: Features, recording: str = "") -> Episode:
    """A whole episode; the arguments are those of `read_outcome`, and the features of the encoded observations.

    Raises:
        CorruptError: the file is damaged, or of another episode.
    """
    columns, metadata = read_file(path)
    outcome = outcome_in(path, metadata, recording)
    with damage_as_corrupt(path):
        if len(columns["reward"]) != outcome.steps:
            raise ValueError(f"it declares {outcome.steps} steps and has {len(columns['reward'])}")
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
            values=_values(columns, metadata),
            choices=columns.get("choice"),
        )


def _values(columns: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> np.ndarray | None:
    """The values of all states and of the final observation; None in older files and without any."""
    if "value" not in columns:
        return None
    return np.append(columns["value"], np.float32(metadata["final_value"]))


def episode_metadata(
    outcome: Outcome, final_observation: Mapping[str, Any] | None, final_value: float | None = None
) -> dict[str, str]:
    """The metadata of an episode's file; `final_observation` has a value per column.

    `final_value` is what the final observation is worth, NaN if there is none; None if the file has no column of
    values.
    """
    final = None if final_observation is None else {name: _to_text(value) for name, value in final_observation.items()}
    single = final is not None and list(final) == ["observation"]
    on_disk = {name: written for written, name in _NAMES.items()}
    return {
        "outcome": json.dumps({on_disk.get(name, name): value for name, value in vars(outcome).items()}),
        "final_observation": "" if final is None else final["observation"] if single else json.dumps(final),
        **({} if final_value is None else {"final_value": str(final_value)}),
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
    contents = json.loads(text) if text.startswith("{") else {"observation": text}
    values = []
    for leaf in recorded_leaves(features):
        name = observation_column(leaf)
        content, like = base64.b64decode(contents[name]), columns[name]
        text_leaf = leaf.kind == "text"
        value = bytes_text(content) if text_leaf else np.frombuffer(content, like.dtype).reshape(like.shape[1:])
        values.append((leaf, value))
    return nest(values)
