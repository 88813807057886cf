"""Runs an experiment: records and explains all agents and seeds, and writes one report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rltools._util.console import as_text
from rltools._util.progress import say
from rltools._util.workers import check_workers
from rltools.envs import import_modules
from rltools.errors import ArgumentError, RecordingError, argument
from rltools.experiments._distribute import run_in
from rltools.experiments._do_cell import page_path
from rltools.experiments._fitting_workers import fitting_workers
from rltools.experiments._live import following
from rltools.experiments._plan_runs import absolute, runs_of
from rltools.experiments._shared import begin, check_joinable
from rltools.experiments._status import check_done, open_experiment
from rltools.experiments._work import restart, shard_of, work
from rltools.experiments.cells import Job, Run, cells_by_run, cells_of
from rltools.experiments.claims import read_states, result_of
from rltools.experiments.executors import check_executor
from rltools.experiments.file import Experiment, experiment_file, read_experiment
from rltools.experiments.measurements import RunMeasurements
from rltools.experiments.results import Results, results_of
from rltools.experiments.tables import find_table
from rltools.recording import Recording
from rltools.recording.folders import RUNS, folder_name

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ExperimentRun:
    """The results of an experiment.

    Attributes:
        page: the `index.html`.
        findings: a sentence for each agent, seed, method and target, except for controls; then how well methods, agents
            and seeds agree with each other and with the controls.
        results: of each agent, environment, seed and point of a sweep that is complete.
        left_out: the agents of a zoo that could not be run, each with the reason.
    """

    page: Path
    findings: tuple[str, ...]
    results: Results = ()
    left_out: tuple[str, ...] = ()

    @property
    def runs(self) -> tuple[Run, ...]:
        """The agents, environments, seeds and points of sweeps that are complete."""
        return tuple(result.run for result in self.results)

    @property
    def recordings(self) -> dict[tuple[str, int], Recording]:
        """The recordings, by the label and the seed of their run."""
        return {(result.run.label, result.run.seed): result.recording for result in self.results}

    @property
    def measured(self) -> dict[tuple[str, int], RunMeasurements]:
        """What the agents need and how metrics judge the attributions, by label and seed; None if not measured."""
        return {(result.run.label, result.run.seed): result.measured for result in self.results}

    def table(self, name: str) -> pd.DataFrame:
        """A table of the results, the same as `tables/NAME.csv` in the folder of the experiment.

        Args:
            name: "attributions", "agreement", "returns", "losses", "certificates", "assessment", "groups" or
                "statistics"; the docstring of `rltools.experiments.tables.NAME` describes the columns.

        Returns:
            A row for each number with its interval.

        Raises:
            UnknownNameError: there is no such table; the message lists all.
            ArgumentError: the experiment has nothing for it.

        Example:
            >>> import rltools
            >>> from pathlib import Path
            >>> text = "{description: Poles, agents: [cartpole-ppo], methods: [gradient], episodes: 2, reports: false}"
            >>> characters = Path("poles.yaml").write_text(text)
            >>> results = rltools.run_experiment("poles.yaml", ["max_steps=50"])
            >>> results.table("attributions")[["agent", "method", "feature", "rank"]].head(2)
                      agent    method                feature  rank
            0  cartpole-ppo  gradient  pole angular velocity     1
            1  cartpole-ppo  gradient          cart velocity     2
        """
        rows = find_table(name).make(self.results)
        if not len(rows.columns):
            raise ArgumentError(f"the experiment has no {name}: it measured or compared nothing of the kind")
        return rows

    def __repr__(self) -> str:
        """Agents, seeds and the page."""
        runs = ", ".join(f"{agent} from seed {seed}" for agent, seed in self.recordings)
        return as_text(f"ExperimentRun({runs}; page={str(self.page)!r})")


def run_experiment(
    experiment: str | Path,
    changes: Sequence[str] = (),
    *,
    modules: Sequence[str] = (),
    directory: str | Path | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    progress: bool = False,
    executor: Executor | str | None = None,
    workers: int | None = 1,
    settings: Mapping[str, str] | None = None,
    shard: tuple[int, int] | None = None,
    join: bool = False,
    fail_fast: bool = False,
) -> ExperimentRun:
    """Run an experiment: record, explain, summarize and plot everything it lists, into one report.

    The same file gives byte-identical recordings and the same numbers; finished parts are not repeated. If a method
    would take more than about a minute on a common machine, an even sample of the steps is explained, the same one on
    every machine.

    Args:
        experiment: path of its file, or its name in experiments/.
        changes: `key=value` texts that change the file's content.
        modules: modules to import because they register environments.
        directory: folder of the results; `runs/<name of the file>` by default.
        overwrite: replace recordings with other settings.
        threads: see `record` and `explain`.
        progress: show progress bars, and before each method how long it will take.
        executor: computes the cells: any `concurrent.futures.Executor` whose workers share the folder and have rltools,
            or the address of one: "processes", "dask://HOST:PORT", "slurm", "ray". None is this process, or as many
            processes as there are workers.
        workers: how many cells are computed at the same time by an executor of an address; None is as many as cores are
            idle, but one for an experiment that takes no longer than processes take to start.
        settings: what an executor of an address needs to know, for instance `{"partition": "cpu"}`.
        shard: `(3, 16)` does the third of sixteen parts of the runs in this process, for schedulers of any kind; the
            process that finds everything done writes the page.
        join: join a run that other processes began: cells that failed are not tried again, as they are by default.
        fail_fast: begin no further cells after one has failed.

    Returns:
        The page and the recordings.

    Raises:
        UnknownNameError: there is no such file and no experiment of this name.
        ConfigError: the file has faults, or an agent does not support a target or a method; all faults are listed, and
            nothing is recorded.
        CellsError: a cell failed in another process; the message names it and its error.
        RltoolsError: an error of `load_policy`, `record` or `explain`.

    Example:
        >>> import rltools
        >>> from pathlib import Path
        >>> text = "{description: Poles, agents: [cartpole-ppo], methods: [gradient], episodes: 2}"
        >>> characters = Path("poles.yaml").write_text(text)
        >>> results = rltools.run_experiment("poles.yaml", ["max_steps=50"])
        >>> list(results.recordings)
        [('cartpole-ppo', 0)]
    """
    _check_places(executor, workers, settings, shard)
    job = prepare(
        experiment,
        changes,
        modules=modules,
        directory=directory,
        overwrite=overwrite,
        progress=progress,
        begun=join,
    )
    if shard is None and not join:
        restart(job)
    if workers is None:
        workers = 1 if shard is not None else fitting_workers(job)
    if shard is not None or (executor is None and workers == 1):
        cells = None if shard is None else shard_of(job, *shard)
        error = work(job, cells, threads=threads, progress=progress, fail_fast=fail_fast)
        if error is not None:
            raise error
        if shard is None:
            check_done(job)  # other processes may have taken part, and failed
    else:
        with following(job, show=progress) as follow:
            place = "processes" if executor is None else executor
            run_in(job, place, workers, settings, threads=threads, follow=follow, fail_fast=fail_fast)
        check_done(job)
    return experiment_run(job)


def _check_places(
    executor: Executor | str | None,
    workers: int | None,
    settings: Mapping[str, str] | None,
    shard: tuple[int, int] | None,
) -> None:
    """Check where cells are to be done, before anything is written.

    Raises:
        ArgumentError: fewer than one worker, or a combination of which one part would be ignored.
        UnknownNameError: there is no such executor.
    """
    if workers is not None:
        check_workers(workers)
    if shard is not None and (executor is not None or (workers or 1) > 1):
        raise ArgumentError(
            f"{argument('shard')} does a part in this process, and no executor or workers take part in it; leave out "
            f"{argument('shard')}, or {argument('executor')} and {argument('workers')}"
        )
    if settings and executor is None:
        raise ArgumentError(f"{', '.join(settings)}: set for an executor, and {argument('executor')} names none")
    if isinstance(executor, str):
        check_executor(executor)


def prepare(
    experiment: str | Path,
    changes: Sequence[str] = (),
    *,
    modules: Sequence[str] = (),
    directory: str | Path | None = None,
    overwrite: bool = False,
    progress: bool = False,
    begun: bool = False,
) -> Job:
    """Read an experiment, check that its agents can do it, and write its manifest into the folder of its results.

    If others have `begun` it, its manifest is there already, and the agents were checked.

    Raises:
        UnknownNameError: there is no such file and no experiment of this name.
        ConfigError: the file has faults, or an agent does not support a target or a method.
        RltoolsError: an error of `load_policy`.
    """
    path = experiment_file(experiment)
    plan = absolute(read_experiment(path, changes))
    import_modules(modules)
    folder = Path(directory) if directory is not None else RUNS / folder_name(path.stem)
    if begun:
        check_joinable(folder)
    if begun and (job := _begun(folder, plan)) is not None:
        return job
    runs, left_out = runs_of(plan, path)
    for reason in left_out:
        say(f"left out: {reason}", show=progress)
    out = [] if directory is None else ["--out", str(directory)]
    job = Job(
        plan,
        folder,
        runs,
        modules=tuple(modules),
        command=("rltools", "run", str(experiment)),
        changes=tuple(changes),
        options=(*out, *(f"--import={name}" for name in modules)),
        left_out=left_out,
        overwrite=overwrite,
    )
    begin(job)
    return job


def _begun(folder: Path, plan: Experiment) -> Job | None:
    """The experiment that others are at, if it is this one."""
    try:
        job = open_experiment(folder)
    except RecordingError:
        return None
    return job if job.plan == plan else None


def open_results(folder: str | Path) -> ExperimentRun:
    """The results in the folder of an experiment, of the runs that are complete; nothing is recorded or explained.

    Raises:
        RecordingError: it is not the folder of an experiment.
        CorruptError: its manifest is damaged.

    Example:
        >>> import rltools
        >>> from pathlib import Path
        >>> from rltools.experiments import open_results
        >>> text = "{description: Poles, agents: [cartpole-ppo], methods: [gradient], episodes: 1, reports: false}"
        >>> characters = Path("poles.yaml").write_text(text)
        >>> results = rltools.run_experiment("poles.yaml", ["max_steps=20"])
        >>> float(open_results("runs/poles").table("returns")["value"].item())
        20.0
    """
    return experiment_run(open_experiment(folder))


def experiment_run(job: Job) -> ExperimentRun:
    """The results of an experiment: those of the runs that are complete."""
    states = read_states(job.board, [cell.id for cell in cells_of(job)])
    cells = cells_by_run(job)
    runs = [run for run in job.runs if all(states[cell].status == "done" for cell in cells[run.key])]
    findings = tuple(map(str, result_of(job.board, states["page"]).get("findings", ())))
    return ExperimentRun(page_path(job), findings, results_of(job, runs), job.left_out)
