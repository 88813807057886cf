"""The cells of an experiment: parts that are pure functions of the experiment's content and their id."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from rltools._util.yaml import validate
from rltools.experiments._explanations import Explanation, explanations
from rltools.experiments._one_run import Run, RunKey, run_from_content
from rltools.experiments._sweep import plan_at
from rltools.experiments.file import Experiment
from rltools.recording.sealed_json import read_json, write_json

__all__ = ["Cell", "Explanation", "Job", "Run", "RunKey", "cells_by_run", "cells_of", "read_job", "write_job"]

Kind = Literal["record", "explain", "ablate", "assess", "report", "page"]
MANIFEST = "experiment.json"
"""The file in the folder of an experiment that says what belongs to it."""
CELLS = "cells"
"""The folder of the claims within that of the experiment; each content has a folder of its own in it."""
DIGITS = 8
"""Digits of the hash in the name of that folder."""
OF_AGENTS = ("description", "agents", "environment", "environments", "only_fitting", "seeds", "sweep", "reports", "zoo")
"""Keys of an experiment that a run has values of its own for, or that no run depends on."""


@dataclass(frozen=True)
class Job:
    """An experiment that is ready to run: its content, and everything else that its results depend on.

    Attributes:
        plan: the content of the file, changed as the command says.
        folder: of the results.
        runs: agents, environments, seeds and points of a sweep.
        modules: modules to import because they register environments.
        command: words of the command that repeats it, up to the changes of the file's content.
        changes: these changes.
        options: the words after them.
        left_out: agents that could not be run, each with the reason.
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
            "runs": [run.content() for run in self.runs],
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

    def plan_of(self, run: Run) -> Experiment:
        """The experiment with the values that a run has of the keys of a sweep.

        Its agents and environments are those of the file: a run has its own.
        """
        point = {key: value for key, value in run.point.items() if key.partition(".")[0] not in OF_AGENTS}
        text = json.dumps(point, sort_keys=True)
        if text not in self._plans:
            self._plans[text] = plan_at(self.plan, self.plan.sweep, point)
        return self._plans[text]

    @cached_property
    def _plans(self) -> dict[str, Experiment]:
        return {}

    @cached_property
    def layout(self) -> tuple[tuple[Cell, ...], dict[RunKey, tuple[str, ...]]]:
        """All cells, and the ids of those that each run consists of; see `cells_of`."""
        return _layout(self)

    @cached_property
    def explained(self) -> frozenset[str]:
        """The ids of the cells that explain."""
        return frozenset(cell.id for cell in cells_of(self) if cell.kind == "explain")


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
        names = ("modules", "command", "changes", "options", "left_out")
        texts = {name: tuple(map(str, content[name])) for name in names}
        plan = validate(Experiment, dict(content["plan"]), path)
        runs = tuple(map(run_from_content, content["runs"]))
        return Job(plan, folder, runs, overwrite=bool(content["overwrite"]), **texts)

    return read_json(path, parse)[0]


@dataclass(frozen=True)
class Cell:
    """A part of an experiment.

    Attributes:
        id: its name, which is that of its claims.
        kind: what it does.
        run: whose recording it makes or reads, the first of those that share it; None for the page of the experiment.
        needs: ids of the cells that must be done before.
        explanation: what an "explain" cell explains.
    """

    id: str
    kind: Kind
    run: Run | None = None
    needs: tuple[str, ...] = ()
    explanation: Explanation | None = None


def cells_of(job: Job) -> tuple[Cell, ...]:
    """The cells of an experiment, each after those that it needs.

    Runs that share a recording share whatever is done with it in the same way.
    """
    return job.layout[0]


def cells_by_run(job: Job) -> dict[RunKey, tuple[str, ...]]:
    """The ids of the cells that each run consists of."""
    return job.layout[1]


@dataclass
class _Distinct:
    """The cells of one kind that a recording has, one for each way of doing it."""

    name: str
    kind: Kind
    ways: dict[str, Cell] = field(default_factory=dict)

    def cell_id(self, run: Run, needs: tuple[str, ...], way: object, explanation: Explanation | None = None) -> str:
        """The id of the cell that does it this way; two of the same way are one."""
        key = repr(way)
        if key not in self.ways:
            number = len(self.ways) + 1
            ending = f"-{number}" if number > 1 else ""
            if explanation is not None:
                ending = f"-{number}-{explanation.choice.name}"
                needs += tuple(cell.id for cell in self.ways.values() if _may_be_same(cell.explanation, explanation))
            self.ways[key] = Cell(f"{self.name}.{self.kind}{ending}", self.kind, run, needs, explanation)
        return self.ways[key].id


def _may_be_same(first: Explanation | None, second: Explanation) -> bool:
    """Whether two explanations may turn out to have the same files, so that one has to wait for the other.

    A control has, unless the methods beside it are explained at other steps.
    """
    return first is not None and bool(second.beside) and (first.choice, first.target) == (second.choice, second.target)


def _layout(job: Job) -> tuple[tuple[Cell, ...], dict[RunKey, tuple[str, ...]]]:
    shared: dict[str, list[Run]] = {}
    for run in job.runs:
        shared.setdefault(run.name, []).append(run)
    cells: list[Cell] = []
    by_run: dict[RunKey, tuple[str, ...]] = {}
    for name, runs in shared.items():
        record = Cell(f"{name}.record", "record", runs[0])
        need = (record.id,)
        explain, ablate, assess = _Distinct(name, "explain"), _Distinct(name, "ablate"), _Distinct(name, "assess")
        for run in runs:
            plan, needs = job.plan_of(run), [record.id]
            needs += [explain.cell_id(run, need, each.identity, each) for each in explanations(plan)]
            if plan.ablate is not None:
                needs.append(ablate.cell_id(run, need, plan.ablate))
            if plan.assess:
                needs.append(assess.cell_id(run, tuple(needs), (plan.assess, tuple(needs))))
            by_run[run.key] = tuple(dict.fromkeys(needs))
        own = [record, *explain.ways.values(), *ablate.ways.values(), *assess.ways.values()]
        if job.plan.reports:
            own.append(Cell(f"{name}.report", "report", runs[0], tuple(cell.id for cell in own)))
            by_run |= {run.key: (*by_run[run.key], own[-1].id) for run in runs}
        cells += own
    return (*cells, Cell("page", "page", None, tuple(cell.id for cell in cells))), by_run
