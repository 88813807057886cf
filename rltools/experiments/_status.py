"""The progress of an experiment, read from its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Literal

from rltools._util.foreign_files import is_file, is_folder
from rltools._util.text import listed, plural
from rltools.errors import CellsError, RecordingError
from rltools.experiments._shared import is_alive, read_manifest
from rltools.experiments.cells import MANIFEST, Job, cells_of
from rltools.experiments.claims import CellState, log_of, owner_of, read_states, retry
from rltools.recording import as_path

RUNS = Path("runs")
"""Where results are by default, by the name of their experiment."""
MOST_NAMED = 3
"""The most failed cells, or folders of results, that an error names."""


@dataclass(frozen=True)
class CellStatus:
    """A cell and its status.

    Attributes:
        cell: its id.
        status: as its claims say; a cell that nobody has begun, or that was given back, is waiting; or it is
            blocked, because one that it needs has failed.
        attempt: the number of the last attempt.
        host: the machine and process of a running one.
        age: seconds since its claim was touched, by this machine's clock; NaN if it is not running.
        error: the last line of the log of a failed one.
    """

    cell: str
    status: Literal["done", "running", "failed", "waiting", "blocked"]
    attempt: int = 0
    host: str = ""
    age: float = float("nan")
    error: str = ""


def open_experiment(folder: str | Path) -> Job:
    """The experiment whose results are in a folder, or in `runs` under this name.

    Raises:
        RecordingError: there is none; the message names those that are in `runs`.
        ArgumentError: it was begun with other versions of packages than are installed here, and cannot be read.
        CorruptError: its manifest is damaged.

    Example:
        >>> import rltools
        >>> from pathlib import Path
        >>> from rltools.experiments import experiment_status, open_experiment
        >>> text = "{description: Poles, agents: [cartpole-ppo], methods: [gradient], episodes: 1, reports: false}"
        >>> characters = Path("poles.yaml").write_text(text)
        >>> results = rltools.run_experiment("poles.yaml", ["max_steps=20"])
        >>> [row.status for row in experiment_status(open_experiment("runs/poles"))]
        ['done', 'done', 'done']
    """
    path = as_path(folder, "the folder of an experiment")
    if is_file(path / MANIFEST):
        return read_manifest(path)
    if path.name == str(path) and is_file(RUNS / path / MANIFEST):
        return read_manifest(RUNS / path)
    raise RecordingError(
        f"{path} has no {MANIFEST}, so it is not the folder of an experiment's results; give one that rltools run has "
        f"made{_existing_results()}"
    )


def _existing_results() -> str:
    """The results that there are, as a hint."""
    made = sorted(str(manifest.parent) for manifest in RUNS.glob(f"*/{MANIFEST}")) if is_folder(RUNS) else []
    return f": {listed(made, MOST_NAMED)}" if made else f"; there are none in {RUNS}"


def retry_cells(job: Job, *, failed: bool = True, abandoned: bool = False, dry_run: bool = False) -> tuple[str, ...]:
    """Let cells be done again, by whoever runs the experiment next or is still at it; returns their ids.

    Args:
        job: the experiment.
        failed: those that failed.
        abandoned: those that somebody began and is not at any more: the process is dead, or has not touched its claim
            for a minute and a half by the clock of the file system. Whoever works on the experiment takes these over in
            any case, after as long.
        dry_run: only return them.

    Raises:
        RecordingError: the folder cannot be written to.
    """
    states = read_states(job.board, [cell.id for cell in cells_of(job)])
    dead = {
        cell: state
        for cell, state in states.items()
        if abandoned and state.status == "running" and not is_alive(job.board, state, owner_of(job.board, state))
    }
    again = {cell: state for cell, state in states.items() if failed and state.status == "failed"} | dead
    if not dry_run:
        retry(job.board, again, "failed", "running")
    return tuple(again)


def experiment_status(job: Job) -> tuple[CellStatus, ...]:
    """All cells of an experiment, in order."""
    cells = cells_of(job)
    states = read_states(job.board, [cell.id for cell in cells])
    blocked: set[str] = set()
    rows = []
    for cell in cells:
        if any(need in blocked or states[need].status == "failed" for need in cell.needs):
            blocked.add(cell.id)
        rows.append(_status(job, states[cell.id], blocked=cell.id in blocked))
    return tuple(rows)


def _status(job: Job, state: CellState, *, blocked: bool) -> CellStatus:
    if state.status == "running":
        owner = owner_of(job.board, state)
        age = max(0.0, time() - state.touched / 1e9)
        return CellStatus(state.cell, "running", state.attempt, str(owner), age)
    if state.status == "failed":
        return CellStatus(state.cell, "failed", state.attempt, error=last_line(log_of(job.board, state)))
    if state.status == "done":
        return CellStatus(state.cell, "done", state.attempt)
    return CellStatus(state.cell, "blocked" if blocked else "waiting", state.attempt)


def last_line(log: str) -> str:
    """The last line of a log, which is the error."""
    return next((line.strip() for line in reversed(log.splitlines()) if line.strip()), "without a word")


def check_done(job: Job) -> None:
    """Check that every cell is done.

    Raises:
        CellsError: some have failed; the message has the first ones with their errors.
    """
    rows = experiment_status(job)
    failed = [row for row in rows if row.status == "failed"]
    if all(row.status == "done" for row in rows):
        return
    named = "; ".join(f"{row.cell}: {row.error}" for row in failed[:MOST_NAMED])
    raise CellsError(
        f"{len(failed)} of {plural(len(rows), 'cell')} failed{f' ({named})' if named else ''}; all others are kept. "
        f"rltools status {job.folder} lists them, and rltools retry {job.folder} tries them again"
    )
