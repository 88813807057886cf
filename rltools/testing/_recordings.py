"""Makes recordings from arrays, to test code that reads recordings without a policy or an environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rltools._util.files import numbered_path
from rltools.recording import Attribution, AttributionSpec, Episode, Header, Outcome, Recording, open_recording
from rltools.recording.episode import episode_metadata, observation_column, recorded_leaves
from rltools.recording.sealed_json import write_json
from rltools.recording.writers import BlockFile
from rltools.spaces import Features
from rltools.spaces.axes import image_axes
from rltools.spaces.leaves import map_leaves, pick


@dataclass(frozen=True)
class Explained:
    """An attribution of every episode.

    Attributes:
        spec: method, target and parameters.
        episodes: its values in each episode, in order.
    """

    spec: AttributionSpec
    episodes: Sequence[Attribution]


def write_recording(
    directory: Path, header: Header, episodes: Sequence[Episode], explained: dict[str, Explained]
) -> Recording:
    """Write a recording as `record` and `explain` do, and open it.

    Args:
        directory: an empty or missing folder.
        header: the header of the recording.
        episodes: numbered by their outcomes.
        explained: attributions by their folders' names.
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
                **({} if episode.values is None else {"value": episode.values[:-1]}),
            },
            episode_metadata(
                episode.outcome, _by_column(episode), None if episode.values is None else float(episode.values[-1])
            ),
        )
    for key, attribution in explained.items():
        folder = directory / "attributions" / key
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "attribution.json", attribution.spec.to_json())
        for episode, part in zip(episodes, attribution.episodes, strict=True):
            columns = {"t": np.arange(len(part)), **_rows(part)}
            _write(numbered_path(folder, episode.outcome.number), columns, {})
    return open_recording(directory)


def shortened(recording: Recording, directory: Path, *, episodes: int, steps: int) -> Recording:
    """Copy the first episodes of a recording and the first steps of each, with all their attributions."""
    numbers = recording.numbers[:episodes]
    shorter = [_first_steps(recording.episode(number), steps) for number in numbers]
    explained = {}
    for key, spec in recording.specs.items():
        attributions = [recording.attribution_of(key, episodes=[number]) for number in numbers]
        explained[key] = Explained(spec, [_first_rows(attribution, steps) for attribution in attributions])
    return write_recording(directory, recording.header, shorter, explained)


def _by_column(episode: Episode) -> dict[str, Any] | None:
    """The final observation, leaf by leaf."""
    if episode.final_observation is None:
        return None
    return {
        observation_column(leaf): pick(episode.final_observation, leaf) for leaf in recorded_leaves(episode.features)
    }


def _first_steps(episode: Episode, steps: int) -> Episode:
    rows: dict[str, Any] = {
        name: getattr(episode, name)[:steps] for name in ("actions", "rewards", "scores", "terminated", "truncated")
    }
    rows["observations"] = map_leaves(
        lambda _, values: values[:steps], episode.observations, recorded_leaves(episode.features)
    )
    if episode.values is not None:
        rows["values"] = episode.values[: steps + 1]
    outcome = replace(episode.outcome, steps=len(rows["rewards"]), total_reward=float(rows["rewards"].sum()))
    return replace(episode, outcome=outcome, **rows)


def _first_rows(attribution: Attribution, steps: int) -> Attribution:
    columns: dict[str, Any] = {name: column[:steps] for name, column in _rows(attribution).items()}
    return replace(attribution, **columns)


def _rows(attribution: Attribution) -> dict[str, np.ndarray]:
    names = ("values", "scores", "residual", "standard_error", "complete", "clipped")
    columns = {name: getattr(attribution, name) for name in names}
    return {name: column for name, column in columns.items() if column is not None}


def _write(path: Path, columns: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    file = BlockFile(path)
    file.write(columns)
    file.finish(metadata)


def example_recording(
    directory: Path,
    values: Sequence[np.ndarray],
    *,
    features: Features | None = None,
    observations: Sequence[np.ndarray] | None = None,
    actions: Sequence[np.ndarray] | None = None,
    action_names: Sequence[str] = ("left", "right"),
    action_start: int | None = 0,
    method: str = "gradient",
    labels: Sequence[str] = ("centered:chosen",),
    unit: str = "score per unit",
    every: int = 1,
    residuals: Sequence[np.ndarray] | None = None,
    seed: int = 0,
) -> Recording:
    """Write a recording with these attributions; everything else is drawn from the seed. Rewards are 1 per step.

    Args:
        directory: an empty or missing folder.
        values: for each episode, `[step, target, *feature]`; target values are NaN where all values of a step are.
        features: names of the elements; numbered by default.
        observations: for each episode, `[step, *feature]`.
        actions: for each episode, `[step]` or, for continuous ones, `[step, k]`.
        action_names: the names of discrete actions, or of the dimensions of a continuous action.
        action_start: the value of the first discrete action; None for continuous ones.
        method: the attribution's.
        labels: a label per target value; a single label is also the target, several belong to `centered:all`.
        unit: the unit of the values.
        every: the stride, in steps.
        residuals: for each episode, `[step, target]`.
        seed: the seed of the draws.

    Example:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from rltools.testing import example_recording
        >>> values = np.zeros((10, 1, 2))
        >>> values[:, :, 1] = 3.0
        >>> recording = example_recording(Path("example"), [values, values], unit="score")
        >>> len(recording), recording.attribution().values.shape
        (2, (20, 1, 2))
    """
    rng = np.random.default_rng(seed)
    shape = values[0].shape[2:] if values else (2,)
    features = features or Features(shape, image_axes(shape) or ("feature",))
    target = labels[0] if len(labels) == 1 else f"{labels[0].split(':')[0]}:all"
    spec = AttributionSpec(method, target, tuple(labels), unit, {}, "0" * 64, every)
    episodes, explained = [], []
    for number, part in enumerate(values):
        steps = len(part)
        drawn = rng.normal(size=(steps, *shape)).astype(np.float32)
        continuous = rng.uniform(-1, 1, (steps, len(action_names))).astype(np.float32)
        discrete = rng.integers(0, len(action_names), steps) + (action_start or 0)
        done = continuous if action_start is None else discrete
        scores = rng.normal(size=(steps, len(labels))).astype(np.float32)
        scores[np.isnan(part).all(axis=tuple(range(2, part.ndim)))] = np.nan
        flags = np.zeros(steps, dtype=bool)
        episode = Episode(
            outcome=Outcome(number, number, steps, float(steps), "terminated"),
            observations=drawn if observations is None else observations[number],
            actions=done if actions is None else actions[number],
            rewards=np.ones(steps),
            scores=rng.normal(size=(steps, len(action_names))).astype(np.float32),
            terminated=flags,
            truncated=flags,
            final_observation=None,
            features=features,
        )
        episodes.append(episode)
        residual = None if residuals is None else residuals[number]
        explained.append(Attribution(part.astype(np.float32), scores, spec, features, residual=residual))
    header = Header(
        policy="example",
        policy_sha256="0" * 64,
        library="none",
        environment="",
        features=features,
        action_names=tuple(action_names),
        action_start=action_start,
        score="action" if action_start is None else "logit",
        seed=seed,
        deterministic=True,
        max_steps=10_000,
    )
    return write_recording(directory, header, episodes, {f"{method}-example": Explained(spec, explained)})
