"""Does one cell of an experiment: the same files, with the same bytes, wherever and by whomever it is done."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from rltools._util.progress import say
from rltools._util.text import plural
from rltools.ablation import ablate
from rltools.envs import Environment, import_modules
from rltools.errors import ConflictError, argument
from rltools.experiments._load import load_agent
from rltools.experiments.analyze import notable
from rltools.experiments.cells import Cell, Explanation, Job, Run
from rltools.experiments.claims import read_states
from rltools.experiments.file import MethodChoice
from rltools.experiments.measurements import ablation_of, recording_of, write_assessment
from rltools.experiments.results import results_of
from rltools.experiments.tables import write_tables
from rltools.experiments.tables.groups import members
from rltools.explanation import declared_stride, explain, plan_explaining
from rltools.explanation.views import Window, in_units
from rltools.pages.replay import replay_episodes
from rltools.pages.report import Groups, write_comparison, write_report
from rltools.policies.base import HasOrigin, Policy
from rltools.recording import Recording, open_recording
from rltools.rollout import record


def do_cell(job: Job, cell: Cell, *, threads: int | None = None, progress: bool = False) -> dict[str, Any]:
    """Do a cell; what is in the folder already is not done again.

    Args:
        job: the experiment.
        cell: one of its cells, of which all that it needs are done.
        threads: see `record` and `explain`.
        progress: show progress bars.

    Returns:
        What it found, for the cell "page" the findings as sentences; as JSON.

    Raises:
        RltoolsError: an error of what it does.
    """
    import_modules(job.modules)
    if cell.run is None:
        return {"findings": list(_page(job))}
    return _OF_RUN[cell.kind](job, cell, cell.run, threads, progress)


def agent_of(job: Job, run: Run) -> tuple[Policy, Environment | None]:
    """The agent of a run, and the environment that it acts in; None for its own."""
    plan = job.plan_of(run)  # a sweep may be over either key
    return load_agent(run.agent, run.environment, plan.bounds, plan.device, run.loading)


def _record(job: Job, cell: Cell, run: Run, threads: int | None, progress: bool) -> dict[str, Any]:
    plan = job.plan_of(run)
    policy, env = agent_of(job, run)
    _say_relative(policy, job.folder / run.name)
    recording = record(
        policy,
        env,
        episodes=plan.episodes,
        seed=run.seed,
        directory=job.folder / run.name,
        deterministic=plan.deterministic,
        max_steps=plan.max_steps,
        overwrite=job.overwrite,
        threads=threads,
        progress=progress,
        bounds=plan.bounds,
    )
    if len(recording) > plan.episodes:
        held = plural(len(recording), "episode")
        say(f"{recording.directory} held {held}, which are all used: no episode is removed", show=progress)
    return {"episodes": len(recording)}


def _say_relative(policy: Policy, folder: Path) -> None:
    """Let a recording say from its own folder where the model is, so that its bytes are the same on every machine."""
    origin: dict[str, Any] = getattr(policy, "loaded_from", {})
    loading = dict(origin.get("loading", {}))
    paths = {name: value for name, value in loading.items() if name in ("normalize", "check") and value}
    relative = {name: _from_folder(path, folder) for name, path in paths.items()}
    if origin:
        typed = {"source": _from_folder(origin["source"], folder)}
        cast("HasOrigin", policy).loaded_from = origin | typed | ({"loading": loading | relative} if relative else {})


def _from_folder(path: str, folder: Path) -> str:
    return os.path.relpath(path, folder.absolute()) if Path(path).is_absolute() else path


def _explain(job: Job, cell: Cell, run: Run, threads: int | None, progress: bool) -> dict[str, Any]:
    recording, policy = open_recording(job.folder / run.name), agent_of(job, run)[0]
    if cell.explanation is None:
        raise AssertionError(f"{cell.id} explains nothing")
    arguments = _arguments(cell.explanation, recording, policy)
    if progress:
        say(str(plan_explaining(recording, policy, threads=threads, **arguments)), show=True)
    explained = explain(recording, policy, threads=threads, progress=progress, **arguments)
    return {"key": explained.requested[-1]}


def _arguments(explanation: Explanation, recording: Recording, policy: Policy) -> dict[str, Any]:
    """The arguments with which a recording is explained."""
    choice = explanation.choice
    # A control is the same in every state: it is computed at the steps of the methods that it is compared with.
    strides = [_stride(each, recording, policy) for each in explanation.beside or (choice,)]
    return {
        "method": choice.name,
        "references": choice.references,
        "target": explanation.target,
        "window": choice.window,
        "units": choice.units,
        "every": choice.every or max(strides),
        "seed": choice.seed or 0,
    } | choice.parameters


def _stride(choice: MethodChoice, recording: Recording, policy: Policy) -> int:
    if choice.every is not None:
        return choice.every
    seen = in_units(policy, choice.units)
    seen = Window(seen, choice.window) if choice.window else seen
    return declared_stride(recording, seen, choice.name, choice.references, choice.parameters)


def _ablate(job: Job, cell: Cell, run: Run, threads: int | None, progress: bool) -> dict[str, Any]:
    plan = job.plan_of(run)
    if plan.ablate is None:
        raise AssertionError(f"{cell.id}, and the experiment measures nothing")
    policy, env = agent_of(job, run)
    recording = open_recording(job.folder / run.name)
    ablate(policy, recording, env, bounds=plan.bounds, progress=progress, **plan.ablate.model_dump())
    return {}


def _assess(job: Job, cell: Cell, run: Run, threads: int | None, progress: bool) -> dict[str, Any]:
    recording = recording_of(job, run, read_states(job.board, cell.needs))
    policy, plan = agent_of(job, run)[0], job.plan_of(run)
    write_assessment(plan, job.folder, run, recording, policy, ablation_of(plan, recording))
    return {}


def _report(job: Job, cell: Cell, run: Run, threads: int | None, progress: bool) -> dict[str, Any]:
    recording = recording_of(job, run, read_states(job.board, cell.needs), cell.needs, complete=True)
    median = [outcome.number for outcome in notable(recording.readable_outcomes())[:1]]
    env = agent_of(job, run)[1]
    replay_episodes(recording, median, env, modules=job.modules, progress=progress, report=True)
    write_report(recording, commands=(command(job, [recording]),), experiment=job.plan.description)
    return {}


def command(job: Job, recordings: Iterable[Recording]) -> str:
    """The command that repeats the experiment, with as many episodes as the largest recording has."""
    most = max(map(len, recordings))
    changes = list(job.changes)
    if most > max(job.plan_of(run).episodes for run in job.runs):
        changes = [*(change for change in changes if not change.startswith("episodes=")), f"episodes={most}"]
    return shlex.join([*job.command, *changes, *job.options])


def _page(job: Job) -> tuple[str, ...]:
    """Write the tables, the figures and the page of the experiment."""
    results = results_of(job)
    by_run = {(result.run.label, result.run.seed): result for result in results}
    recordings = {run: result.recording for run, result in by_run.items()}
    _check_paired(recordings)
    tables = write_tables(job.folder, results)
    measured = {run: result.measured for run, result in by_run.items()}
    _, findings = write_comparison(
        job.folder,
        job.plan.description,
        recordings,
        summaries={run: result.summaries for run, result in by_run.items()},
        commands=(command(job, recordings.values()),),
        ablations={run: each.ablation for run, each in measured.items() if each.ablation is not None} or None,
        assessments={run: each.assessment for run, each in measured.items() if each.assessment is not None},
        environments={run: result.environment for run, result in by_run.items()},
        memberships={run: result.run.group for run, result in by_run.items() if result.run.group},
        groups=Groups(tables["groups"], members(results)) if "groups" in tables else None,
        left_out=job.left_out,
    )
    return findings


def _check_paired(recordings: dict[tuple[str, int], Recording]) -> None:
    """Check that agents are compared in the same episodes.

    Raises:
        ConflictError: a folder was recorded when seeds followed another rule.
    """
    by_seed: dict[int, tuple[str, Recording]] = {}
    for (label, seed), recording in recordings.items():
        other, earlier = by_seed.setdefault(seed, (label, recording))
        if earlier.header.seeds != recording.header.seeds:
            raise ConflictError(
                f"{label} and {other} were not recorded in the same episodes: {recording.directory} has "
                f"{recording.header.seeds} seeds and {earlier.directory} {earlier.header.seeds} ones; record both "
                f"again with {argument('overwrite', True)}"
            )


_OF_RUN = {"record": _record, "explain": _explain, "ablate": _ablate, "assess": _assess, "report": _report}


def page_path(job: Job) -> Path:
    """The page of the experiment."""
    return job.folder / "index.html"
