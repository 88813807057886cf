"""How far an experiment is, as its folder says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import time
from typing import Literal

from rltools._util.progress import progress_bar
from rltools._util.text import plural
from rltools.errors import CellsError
from rltools.experiments.cells import Job, cells_of
from rltools.experiments.claims import CellState, log_of, owner_of, read_states

MOST_NAMED = 3
"""The most failed cells that an error names."""


@dataclass(frozen=True)
class CellStatus:
    """A cell and how it is.

    Attributes:
        cell: its id.
        status: as its claims say; a free cell is missing, or cannot be done because one that it needs has failed.
        attempt: the number of the last attempt.
        host: the machine and process of a running one.
        age: seconds since its claim was touched, by this machine's clock; NaN if it is not running.
        error: the last line of the log of a failed one.
    """

    cell: str
    status: Literal["done", "running", "failed", "missing", "blocked"]
    attempt: int = 0
    host: str = ""
    age: float = float("nan")
    error: str = ""


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
        return CellStatus(state.cell, "running", state.attempt, f"{owner.host}, process {owner.pid}", age)
    if state.status == "failed":
        return CellStatus(state.cell, "failed", state.attempt, error=last_line(log_of(job.board, state)))
    if state.status == "done":
        return CellStatus(state.cell, "done", state.attempt)
    return CellStatus(state.cell, "blocked" if blocked else "missing", state.attempt)


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


@contextmanager
def following(job: Job, *, show: bool) -> Iterator[Callable[[Mapping[str, CellState]], None]]:
    """Show how many cells are done; yields a function that is called with their states."""
    done = 0
    with progress_bar(f"run {job.folder.name}", len(cells_of(job)), show=show, unit="cell") as advance:

        def follow(states: Mapping[str, CellState]) -> None:
            nonlocal done
            count = Counter(state.status for state in states.values())["done"]
            advance(count - done)
            done = count

        yield follow
