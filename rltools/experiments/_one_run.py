"""A run of an experiment: one agent in one environment from one seed, at one point of a sweep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from rltools.experiments._environments import EnvironmentVariant
from rltools.recording.folders import folder_name

RunKey = tuple[str, int]
"""The label and the seed of a run."""


@dataclass(frozen=True)
class Run:
    """One agent in one environment from one seed, at one point of a sweep.

    Attributes:
        label: its name in the report: that of the agent, and of the environment and the point if there are several;
            unique together with the seed, and made of characters that file systems take.
        agent: what `load_policy` loads it from.
        seed: of its first episode.
        environment: the environment that it acts in; None is the agent's own.
        group: the name of the agents that are trainings of one algorithm; None if it belongs to none.
        point: the keys that the experiment sweeps and this run depends on, each with its value, or the name of its
            value; empty without a sweep.
        folder: the folder of its recording within that of the experiment, which runs share that differ only in what is
            done with the recording; "" for one that is named after label and seed.
        loading: what else `load_policy` is to know of the agent, as JSON.
    """

    label: str
    agent: str
    seed: int
    environment: EnvironmentVariant | None = None
    group: str | None = None
    point: Mapping[str, JsonValue] = field(default_factory=dict)
    folder: str = ""
    loading: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of its recording's folder within that of the experiment."""
        return self.folder or f"{folder_name(self.label)}-seed-{self.seed}"

    @property
    def key(self) -> RunKey:
        """Its key in the results."""
        return self.label, self.seed

    def __hash__(self) -> int:
        """By label and seed, which are unique in an experiment."""
        return hash(self.key)

    def content(self) -> dict[str, Any]:
        """All of it as JSON."""
        environment = None if self.environment is None else self.environment.model_dump(mode="json")
        return {
            "label": self.label,
            "agent": self.agent,
            "seed": self.seed,
            "environment": environment,
            "group": self.group,
            "point": dict(self.point),
            "folder": self.folder,
            "loading": dict(self.loading),
        }


def run_from_content(content: dict[str, Any]) -> Run:
    """A run from what `Run.content` returned."""
    environment = content["environment"]
    return Run(
        str(content["label"]),
        str(content["agent"]),
        int(content["seed"]),
        None if environment is None else EnvironmentVariant.model_validate(environment),
        None if content["group"] is None else str(content["group"]),
        dict(content["point"]),
        str(content["folder"]),
        dict(content.get("loading", {})),  # older manifests have none
    )
