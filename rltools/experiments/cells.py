"""The cells of an experiment: parts that are pure functions of the experiment's content and their id."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import JsonValue

from rltools._util.yaml import validate
from rltools.attributions import find_method
from rltools.experiments._environments import EnvironmentVariant
from rltools.experiments.file import Experiment, MethodChoice
from rltools.recording.folders import folder_name
from rltools.recording.sealed_json import read_json, write_json

Kind = Literal["record", "explain", "ablate", "assess", "report", "page"]
MANIFEST = "experiment.json"
"""The file in the folder of an experiment that says what belongs to it."""
CELLS = "cells"
"""The folder of the claims within that of the experiment; each content has a folder of its own in it."""
DIGITS = 8
"""Digits of the hash in the name of that folder."""
# A fixed list, not every installed control, so that the same file gives the same results everywhere.
CONTROLS = (MethodChoice(name="random"), MethodChoice(name="std", references=256))
"""256 visited states estimate a standard deviation to within a few percent."""
FEWEST_COMPARED = 2


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
    """

    label: str
    agent: str
    seed: int
    environment: EnvironmentVariant | None = None
    group: str | None = None
    point: Mapping[str, JsonValue] = field(default_factory=dict)
    folder: str = ""

    @property
    def name(self) -> str:
        """The name of its recording's folder within that of the experiment."""
        return self.folder or f"{folder_name(self.label)}-seed-{self.seed}"

    def __hash__(self) -> int:
        """By label and seed, which are unique in an experiment."""
        return hash((self.label, self.seed))


@dataclass(frozen=True)
class Job:
    """An experiment that is ready to run: its content, and everything else that its results depend on.

    Attributes:
        plan: the content of the file, changed as the command says.
        folder: of the results.
        runs: agents and seeds.
        modules: modules to import because they register environments.
        command: words of the command that repeats it, up to the changes of the file's content.
        changes: these changes.
        options: the words after them.
        left_out: agents of a zoo that could not be run, each with the reason.
        overwrite: replace recordings with other settings.
    """

    plan: Experiment
    folder: Path
    runs: tuple[Run, ...]
    modules: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    overwrite: bool = False

    def content(self) -> dict[str, Any]:
        """Everything but the folder, as JSON."""
        return {
            "plan": self.plan.model_dump(mode="json"),
            "runs": [[run.label, run.agent, run.seed] for run in self.runs],
            "modules": list(self.modules),
            "command": list(self.command),
            "changes": list(self.changes),
            "options": list(self.options),
            "left_out": list(self.left_out),
            "overwrite": self.overwrite,
        }

    @property
    def board(self) -> Path:
        """The folder of its claims: another content has another one, so that its cells are not taken for these."""
        content = self.content()
        text = json.dumps([content["plan"], content["runs"]], sort_keys=True)
        return self.folder / CELLS / hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def write_job(job: Job) -> None:
    """Write the manifest of an experiment, from which other processes know its cells."""
    job.folder.mkdir(parents=True, exist_ok=True)
    write_json(job.folder / MANIFEST, job.content())


def read_job(folder: Path) -> Job:
    """Read the manifest of an experiment.

    Raises:
        CorruptError: it is not a manifest, or was changed.
        RecordingError: there is none.
    """
    path = folder / MANIFEST

    def parse(content: dict[str, Any]) -> Job:
        texts = {name: tuple(map(str, content[name])) for name in ("modules", "command", "changes", "options")}
        runs = tuple(Run(str(label), str(agent), int(seed)) for label, agent, seed in content["runs"])
        plan = validate(Experiment, dict(content["plan"]), path)
        texts["left_out"] = tuple(map(str, content["left_out"]))
        return Job(plan, folder, runs, overwrite=bool(content["overwrite"]), **texts)

    return read_json(path, parse)[0]


@dataclass(frozen=True)
class Explanation:
    """One attribution of every run.

    Attributes:
        choice: the method with its parameters.
        target: as text; None for the default one of the agent.
    """

    choice: MethodChoice
    target: str | None


@dataclass(frozen=True)
class Cell:
    """A part of an experiment.

    Attributes:
        id: its name, which is that of its claims.
        kind: what it does.
        run: whose recording it makes or reads; None for the page of the experiment.
        needs: ids of the cells that must be done before.
        explanation: what an "explain" cell explains.
    """

    id: str
    kind: Kind
    run: Run | None = None
    needs: tuple[str, ...] = ()
    explanation: Explanation | None = None


def explanations(plan: Experiment) -> tuple[Explanation, ...]:
    """The attributions of an experiment, in the order of its methods and targets, controls last."""
    listed: list[Explanation] = []
    for choice in compared_methods(plan):
        targets = (None,) if "decision" in find_method(choice.name).needs else plan.targets
        listed += [Explanation(choice, target) for target in targets]
    return tuple(listed)


def cells_of(job: Job) -> tuple[Cell, ...]:
    """The cells of an experiment, each after those that it needs."""
    plan, cells = job.plan, []
    explained = explanations(plan)
    for run in job.runs:
        first = f"{run.name}.record"
        own = [Cell(first, "record", run)]
        for index, explanation in enumerate(explained, 1):
            name = f"{run.name}.explain-{index}-{explanation.choice.name}"
            own.append(Cell(name, "explain", run, (first,), explanation))
        if plan.ablate is not None:
            own.append(Cell(f"{run.name}.ablate", "ablate", run, (first,)))
        if plan.assess:
            own.append(Cell(f"{run.name}.assess", "assess", run, tuple(cell.id for cell in own)))
        if plan.reports:
            own.append(Cell(f"{run.name}.report", "report", run, tuple(cell.id for cell in own)))
        cells += own
    return (*cells, Cell("page", "page", None, tuple(cell.id for cell in cells)))


def compared_methods(plan: Experiment) -> tuple[MethodChoice, ...]:
    """The methods of an experiment, followed by its controls.

    With two or more methods that attribute a score, both controls are added unless the file lists them; with
    `controls: false` none are.
    """
    listed = [choice for choice in plan.methods if find_method(choice.name).control]
    own = [choice for choice in plan.methods if choice not in listed]
    scoring = [choice for choice in own if "decision" not in find_method(choice.name).needs]
    added = CONTROLS if plan.controls and len(scoring) >= FEWEST_COMPARED else ()
    names = {choice.name for choice in listed}
    return (*own, *listed, *(choice for choice in added if choice.name not in names))
