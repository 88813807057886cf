"""What an experiment has measured, run by run: all that its tables, its figures and its page are made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from rltools._util.short_repr import short_repr
from rltools.experiments.cells import Job, Run, cells_of
from rltools.experiments.claims import CellState, read_states
from rltools.experiments.measurements import RunMeasurements, ablation_of, read_assessment, recording_of
from rltools.recording import Recording
from rltools.summary import Summary, summarize_every


@dataclass(frozen=True)
class RunResult:
    """What was recorded, explained and measured of one run.

    Attributes:
        run: the agent and the seed.
        recording: explained by all methods.
        measured: what the agent needs and how metrics judge the attributions, as far as the experiment asks for it.
    """

    run: Run
    recording: Recording
    measured: RunMeasurements

    __repr__ = short_repr

    @property
    def environment(self) -> str:
        """The environment in tables: its name in the file, or its id with the arguments that the file adds."""
        variant, id_ = self.run.environment, self.measured.environment
        if variant is None:
            return id_
        return variant.name or ",".join([id_, *(f"{key}={value}" for key, value in variant.kwargs.items())])

    @cached_property
    def summaries(self) -> tuple[Summary, ...]:
        """Of each method and target, those of the controls last; made with the first use, which reads all episodes."""
        return summarize_every(self.recording)


Results = tuple[RunResult, ...]
"""The results of an experiment, in the order of its runs."""


def results_of(job: Job, runs: Iterable[Run] | None = None) -> Results:
    """The results of all runs of an experiment, or of these, each of which must be complete."""
    states = read_states(job.board, [cell.id for cell in cells_of(job)])
    return tuple(_result(job, run, states) for run in (job.runs if runs is None else runs))


def _result(job: Job, run: Run, states: Mapping[str, CellState]) -> RunResult:
    plan, recording = job.plan_of(run), recording_of(job, run, states)
    ablation = ablation_of(plan, recording)
    assessment = read_assessment(plan, job.folder, run, recording, ablation) if plan.assess else None
    return RunResult(run, recording, RunMeasurements(recording.header.environment_id, ablation, assessment))
