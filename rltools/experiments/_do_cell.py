"""Does one cell of an experiment: the same files, with the same bytes, wherever and by whomever it is done."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from rltools._util.progress import say
from rltools.ablation import ablate
from rltools.attributions import find_method
from rltools.envs import Environment, import_modules
from rltools.errors import ConflictError, argument
from rltools.experiments.analyze import notable
from rltools.experiments.cells import Cell, Explanation, Job, Run, explanations
from rltools.experiments.file import Experiment
from rltools.experiments.measured import ablation_of, recording_of, write_assessment
from rltools.experiments.results import results_of
from rltools.experiments.tables import write_tables
from rltools.experiments.tables.groups import members
from rltools.explanation import declared_stride, explain, plan_explaining
from rltools.pages.replay import replay_episodes
from rltools.pages.report import Groups, write_comparison, write_report
from rltools.policies.base import Policy
from rltools.policies.env_info import with_arguments
from rltools.policies.load import load_policy
from rltools.recording import Recording
from rltools.rollout import record

KEPT_POLICIES = 4
"""How many loaded agents a process keeps, because the next cell is often of the same one."""


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


def environment_of_plan(plan: Experiment) -> Environment | None:
    """The environment of an experiment; None for the agents' own."""
    return None if plan.environment is None else with_arguments(plan.environment.id, plan.environment.kwargs)


@lru_cache(KEPT_POLICIES)
def _loaded(agent: str, environment: str) -> Policy:
    return load_policy(agent, _ENVIRONMENTS[environment])


_ENVIRONMENTS: dict[str, Environment | None] = {}


def policy_of(job: Job, run: Run) -> Policy:
    """The agent of a run."""
    key = repr(job.plan.environment)
    _ENVIRONMENTS[key] = environment_of_plan(job.plan)
    return _loaded(run.agent, key)


def _record(job: Job, cell: Cell, run: Run, threads: int | None, progress: bool) -> dict[str, Any]:
    plan = job.plan
    recording = record(
        policy_of(job, run),
        environment_of_plan(plan),
        episodes=plan.episodes,
        seed=run.seed,
        directory=job.folder / run.name,
        deterministic=plan.deterministic,
        max_steps=plan.max_steps,
        overwrite=job.overwrite,
        threads=threads,
        progress=progress,
    )
    return {"episodes": len(recording)}


def _explain(job: Job, cell: Cell, run: Run, threads: int | None, progress: bool) -> dict[str, Any]:
    recording, policy = recording_of(job, run), policy_of(job, run)
    if cell.explanation is None:
        raise AssertionError(f"{cell.id} explains nothing")
    arguments = _arguments(job.plan, cell.explanation, recording, policy)
    if progress:
        say(str(plan_explaining(recording, policy, threads=threads, **arguments)), show=True)
    explain(recording, policy, threads=threads, progress=progress, **arguments)
    return {}


def _arguments(plan: Experiment, explanation: Explanation, recording: Recording, policy: Policy) -> dict[str, Any]:
    """The arguments with which a recording is explained."""
    choice = explanation.choice
    references, parameters = choice.references or plan.references, dict(choice.parameters)
    if find_method(choice.name).control:
        # A control is the same in every state: it is computed at the steps of the methods that it is compared with.
        others = [each.choice for each in explanations(plan) if not find_method(each.choice.name).control]
        strides = (
            declared_stride(recording, policy, other.name, other.references or plan.references, dict(other.parameters))
            for other in others
        )
        every = max(strides, default=1)
    else:
        every = declared_stride(recording, policy, choice.name, references, parameters)
    return {
        "method": choice.name,
        "references": references,
        "target": explanation.target,
        "every": every,
    } | parameters


def _ablate(job: Job, cell: Cell, run: Run, threads: int | None, progress: bool) -> dict[str, Any]:
    choice = job.plan.ablate
    if choice is None:
        raise AssertionError(f"{cell.id}, and the experiment measures nothing")
    ablate(
        policy_of(job, run),
        recording_of(job, run),
        environment_of_plan(job.plan),
        replace=choice.replace,
        second=choice.second,
        seeds=choice.seeds,
        most=choice.most,
        coalitions=choice.coalitions,
        leave_out=choice.leave_out,
        progress=progress,
    )
    return {}


def _assess(job: Job, cell: Cell, run: Run, threads: int | None, progress: bool) -> dict[str, Any]:
    recording = recording_of(job, run)
    write_assessment(job.plan, job.folder, run, recording, policy_of(job, run), ablation_of(job, recording))
    return {}


def _report(job: Job, cell: Cell, run: Run, threads: int | None, progress: bool) -> dict[str, Any]:
    recording = recording_of(job, run)
    median = [outcome.number for outcome in notable(recording.readable_outcomes())[:1]]
    replay_episodes(
        recording, median, environment_of_plan(job.plan), modules=job.modules, progress=progress, report=True
    )
    write_report(recording, commands=(command(job, [recording]),), experiment=job.plan.description)
    return {}


def command(job: Job, recordings: Iterable[Recording]) -> str:
    """The command that repeats the experiment, with as many episodes as the largest recording has."""
    most = max(map(len, recordings))
    changes = list(job.changes)
    if most > job.plan.episodes:
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
