"""Records an episode while an agent acts, and writes its files."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rltools._util.files import numbered_path
from rltools.explanation.references import references_id
from rltools.explanation.views import explained_unit
from rltools.policies.base import Context, Policy
from rltools.recording import AttributionSpec, Outcome, Recording
from rltools.recording.seal import ATTRIBUTION_SPEC, EPISODE_ROWS, NUMBER, RECORDING
from rltools.recording.sealed_json import write_json
from rltools.recording.writers import BlockFile, EpisodeWriter
from rltools.rollout.faults import as_reward
from rltools.rollout.observations import CurrentObservations
from rltools.wrappers._live import StepExplainer

Columns = dict[str, np.ndarray]


@dataclass
class LiveEpisode:
    """The steps of an episode so far.

    Attributes:
        number: the number of the episode.
        seed: the seed of its reset.
        observed: the last observation.
        frames: the frame before each step; None if the environment does not render.
        steps: the columns of each step, as a recording has them.
        explained: the columns of each step's attribution.
    """

    number: int
    seed: int
    observed: CurrentObservations
    frames: list[bytes] | None
    steps: list[Columns] = field(default_factory=list)
    explained: list[Columns] = field(default_factory=list)

    def add(self, columns: Columns, action: np.ndarray, step: tuple[Any, ...], *, several: bool) -> None:
        """Add a step.

        Args:
            columns: the columns of the observation before it, from `columns_before`.
            action: the action taken.
            step: what the attribution wrapper returned.
            several: whether there are several target values.
        """
        observation, reward, terminated, truncated, info = step
        entries = {
            "action": action,
            "reward": as_reward(reward),
            "terminated": bool(terminated),
            "truncated": bool(truncated),
        }
        values, scores = np.array(info["attribution"]), np.array(info["score"], dtype=columns["score"].dtype)
        self.steps.append(columns | {name: np.array(value) for name, value in entries.items()})
        self.explained.append(
            {"values": values, "scores": scores} if several else {"values": values[None], "scores": scores[None]}
        )
        self.observed.receive(0, observation)

    def outcome(self, ended: str, fault: str) -> Outcome:
        """The outcome of the episode."""
        total = float(sum(float(step["reward"]) for step in self.steps))
        out_of_space = self.observed.out_of_space(stacked(self.steps))
        return Outcome(self.number, self.seed, len(self.steps), total, ended, fault, out_of_space)


def columns_before(policy: Policy, observed: CurrentObservations, observations: Any, context: Context) -> Columns:
    """The columns of the observation that the next action is taken in, with the policy's scores.

    Args:
        policy: gives the scores.
        observed: holds the observation.
        observations: the same one, as a batch of one.
        context: the context of that batch.
    """
    scores = policy.act(observations, context).scores[0]
    optional = {"mask": context.mask, "state": context.state}
    columns = {name: values[0].numpy(force=True) for name, values in optional.items() if values is not None}
    return {**observed.row(0), "score": np.array(scores), **columns}


def spec_of(explainer: StepExplainer) -> AttributionSpec:
    """The attribution spec of every step."""
    parameters = {name: value if _is_plain(value) else str(value) for name, value in explainer.settings.items()}
    if explainer.references is not None and "references" in explainer.method.needs:
        parameters["reference"] = references_id(explainer.references, 0)
    if explainer.policy.state_size:
        parameters["memory"] = "held"
    return AttributionSpec(
        method=explainer.method.name,
        target=str(explainer.target),
        labels=explainer.labels,
        unit=explained_unit(explainer.method.unit, "environment"),
        parameters=parameters,
        policy_sha256=explainer.policy.source.sha256,
    )


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def write_episode(
    recording: Recording, spec: AttributionSpec, episode: LiveEpisode, outcome: Outcome, speed: float
) -> None:
    """Write an episode, its attributions first, so that an episode on disk is always explained."""
    key = re.sub(r"[^A-Za-z0-9]+", "-", f"{spec.method}-{spec.target}").strip("-")[:60] + "-live"
    folder = recording.directory / "attributions" / key
    if not (folder / "attribution.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "attribution.json", spec.to_json())
    attributions = BlockFile(numbered_path(folder, outcome.number))
    frames = None if episode.frames is None else numbered_path(recording.directory / "frames", outcome.number)
    writer = EpisodeWriter(numbered_path(recording.directory / "episodes", outcome.number), frames, recording.seal)
    try:
        steps = np.arange(len(episode.steps), dtype=np.int32)
        attributions.write({"t": steps, **stacked(episode.explained)})
        writer.write(stacked(episode.steps), episode.frames or [])
        belongs = {RECORDING: recording.seal, NUMBER: f"{outcome.number:06d}", EPISODE_ROWS: writer.content}
        belongs |= {ATTRIBUTION_SPEC: recording.spec_seal(key)}
        attributions.finish({"policy_sha256": spec.policy_sha256, **belongs})
        writer.finish(outcome, episode.observed.row(0), speed)
    except BaseException:
        attributions.abandon()
        writer.abandon()
        raise


def stacked(rows: list[Columns]) -> Columns:
    """The columns of several steps, stacked."""
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}
