"""Works through the cells of an experiment, in this process or in those of an executor.

The folder is the truth: what is done, failed or being worked on is read from the claims in it, never from the result of
a future. So any number of processes, machines and executors may work on one experiment at the same time.
"""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rltools._util.progress import say
from rltools.errors import ArgumentError, SimulationError
from rltools.experiments._do_cell import do_cell
from rltools.experiments.cells import Cell, Job, cells_of, read_job
from rltools.experiments.claims import BEAT, CellState, Watch, held, owner_of, read_states, retry, take
from rltools.experiments.executors import Pool

POLL = 1.0
"""Seconds between two looks at the folder while others work."""
MOST_IDLE = 8
"""How often tasks of an executor may end badly without a cell being done in between."""


@dataclass
class Look:
    """What a process knows of the cells of an experiment.

    Attributes:
        job: the experiment.
        every: all its cells.
        cells: those that this process may do, in the order in which it tries them.
        states: of all cells, as last read.
        watch: tells which claims of others are stale.
    """

    job: Job
    every: tuple[Cell, ...]
    cells: tuple[Cell, ...]
    states: dict[str, CellState] = field(default_factory=dict)
    watch: Watch = field(default_factory=Watch)

    def refresh(self) -> None:
        """Read the folder again."""
        self.states = read_states(self.job.board, [cell.id for cell in self.every])

    def ready(self) -> list[Cell]:
        """The cells that may be tried now: not done, not failed, and with all that they need."""
        return [cell for cell in self.cells if self.is_ready(cell)]

    def is_ready(self, cell: Cell) -> bool:
        """Whether a cell is neither done nor failed, and has all that it needs."""
        return self.states[cell.id].status in ("free", "running") and all(
            self.states[need].status == "done" for need in cell.needs
        )

    def is_stale(self, cell: Cell) -> bool:
        """Whether another process began a cell and is not there any more."""
        state = self.states[cell.id]
        return state.status == "running" and self.watch.is_stale(self.job.board, state)

    def blocked(self) -> set[str]:
        """The cells that cannot be done, because one that they need has failed."""
        blocked: set[str] = set()
        for cell in self.every:
            if any(need in blocked or self.states[need].status == "failed" for need in cell.needs):
                blocked.add(cell.id)
        return blocked

    def is_over(self) -> bool:
        """Whether nothing is left to do, to wait for or to take over."""
        blocked = self.blocked()
        return all(self.states[cell.id].status in ("done", "failed") or cell.id in blocked for cell in self.cells)

    def is_failing(self) -> bool:
        """Whether a cell has failed."""
        return any(state.status == "failed" for state in self.states.values())


def _look(job: Job, cells: Sequence[Cell] | None = None) -> Look:
    every = cells_of(job)
    return Look(job, every, every if cells is None else tuple(cells))


def attempt(
    job: Job, cell: Cell, state: CellState, *, stale: bool, threads: int | None, progress: bool
) -> BaseException | bool | None:
    """Try to do a cell in this process.

    Returns:
        False if another process has it; None if it is done; the error if it failed.
    """
    claim = take(job.board, state, stale=stale)
    if claim is None:
        return False
    begun = time.perf_counter()
    with held(claim, beat=BEAT):
        try:
            content = do_cell(job, cell, threads=threads, progress=progress)
        except Exception as error:
            claim.failed(_log(cell, error))
            return error
        claim.done({"host": owner_of(job.board, _after(state)).host, "seconds": time.perf_counter() - begun} | content)
    return None


def _after(state: CellState) -> CellState:
    return CellState(state.cell, "running", state.attempt + 1)


def _log(cell: Cell, error: BaseException) -> str:
    return f"{cell.id}\n{''.join(traceback.format_exception(error))}"


def restart(job: Job) -> None:
    """Let everything be checked again that is done or failed, unless other processes are at work on the experiment.

    What is in the folder is not done again, so that this costs little, and nothing rests on what a claim says about
    files that may have been removed since.
    """
    look = _look(job)
    look.refresh()
    if not any(
        state.status == "running" and not owner_of(job.board, state).is_dead() for state in look.states.values()
    ):
        retry(job.board, look.states, "done", "failed")


def work(
    job: Job,
    cells: Sequence[Cell] | None = None,
    *,
    threads: int | None = None,
    progress: bool = False,
    fail_fast: bool = False,
    seconds: float | None = None,
    poll: float = POLL,
    sleep: Callable[[float], None] = time.sleep,
) -> BaseException | None:
    """Do cells in this process until none is left, also those that others give back or die with.

    Args:
        job: the experiment.
        cells: those to do; None is all.
        threads: see `record` and `explain`.
        progress: show progress bars.
        fail_fast: stop at the first cell that fails, here or elsewhere.
        seconds: no cell is begun that would, as long as the longest so far took, not end within so many; None for no
            limit.
        poll: seconds between two looks at the folder while others work.
        sleep: waits so many seconds.

    Returns:
        The first error of a cell in this process; None if there was none.
    """
    look = _look(job, cells)
    begun, longest, first = time.monotonic(), 0.0, None
    while True:
        look.refresh()
        if fail_fast and look.is_failing():
            return first
        if look.is_over():
            page = look.every[-1]
            if page in look.cells or not look.is_ready(page):
                return first
            # Of a part of the experiment: whoever ends last writes the page.
            look.cells = (*look.cells, page)
        tried, ready = False, look.ready()
        while ready:
            cell = ready.pop(0)
            if seconds is not None and time.monotonic() - begun + longest > seconds:
                return first
            start = time.monotonic()
            stale = look.is_stale(cell)
            outcome = attempt(job, cell, look.states[cell.id], stale=stale, threads=threads, progress=progress)
            if outcome is False:
                # Others are at work. Hundreds of processes that all tried the same order would fail at every cell.
                random.shuffle(ready)
                continue
            tried, longest = True, max(longest, time.monotonic() - start)
            if isinstance(outcome, BaseException):
                first = first or outcome
            break  # what is ready now may have changed
        if not tried:
            sleep(poll)


def attempt_in_worker(
    folder: str, cell_id: str, stale_attempt: int, threads: int | None, fail_fast: bool = False
) -> None:
    """Run by an executor's worker: try to do a cell of the experiment in a folder; the folder says how that went.

    Args:
        folder: of the experiment.
        cell_id: the cell.
        stale_attempt: the number of the attempt that may be taken over, because its process is dead; 0 for none.
        threads: see `record` and `explain`.
        fail_fast: do nothing if a cell has failed since this was submitted.
    """
    job = read_job(Path(folder))
    look = _look(job)
    look.refresh()
    if fail_fast and look.is_failing():
        return
    cell = next(cell for cell in look.every if cell.id == cell_id)
    state = look.states[cell_id]
    attempt(job, cell, state, stale=state.attempt == stale_attempt, threads=threads, progress=False)


def work_in_worker(folder: str, threads: int | None, seconds: float | None, fail_fast: bool = False) -> None:
    """Run by an executor's worker: work through the cells of the experiment in a folder."""
    work(read_job(Path(folder)), threads=threads, seconds=seconds, fail_fast=fail_fast)


def distribute(
    job: Job,
    pool: Pool,
    workers: int,
    *,
    threads: int | None = None,
    follow: Callable[[Mapping[str, CellState]], None] = lambda states: None,
    fail_fast: bool = False,
    poll: float = POLL,
) -> None:
    """Do all cells in the processes of an executor.

    Args:
        job: the experiment, whose manifest is in its folder.
        pool: makes the executor.
        workers: how many tasks there are at a time if each of them works through many cells.
        threads: see `record` and `explain`.
        follow: called with the states of all cells now and then.
        fail_fast: begin no further cell after one has failed.
        poll: seconds between two looks at the folder.

    Raises:
        SimulationError: the executor loses its processes again and again, or its tasks end without doing anything.
    """
    look, executor = _look(job), pool.make()
    running: dict[Future[None], str] = {}
    idle, done = 0, -1
    try:
        while True:
            look.refresh()
            follow(look.states)
            if (count := sum(state.status == "done" for state in look.states.values())) > done:
                idle, done = 0, count
            stopping = fail_fast and look.is_failing()
            if look.is_over() or (stopping and not running):
                return
            if not stopping:
                for name, function, arguments in _tasks(look, pool, workers, set(running.values()), threads, fail_fast):
                    running[executor.submit(function, *arguments)] = name
            if not running:
                time.sleep(poll)
                continue
            ended, _ = wait(running, timeout=poll, return_when=FIRST_COMPLETED)
            reason = _first_error(ended)
            for future in ended:
                del running[future]
            if not (reason or (pool.pilots and ended)):
                continue
            idle += 1
            if idle > MOST_IDLE:
                raise SimulationError(
                    f"the processes of the executor ended {idle} times without a cell being done "
                    f"({str(reason or 'they said nothing')[:200]}); what was done before is kept: look at rltools "
                    f"status {job.folder}, and run it again with fewer workers or more time"
                ) from reason
            if isinstance(reason, BrokenExecutor):
                say("processes were lost; others take over", show=True)
                running.clear()
                with suppress(Exception):
                    executor.shutdown(wait=False, cancel_futures=True)
                executor = pool.make()
    except BaseException:
        for future in running:
            future.cancel()
        raise


def _tasks(
    look: Look, pool: Pool, workers: int, running: set[str], threads: int | None, fail_fast: bool
) -> Iterator[tuple[str, Callable[..., None], tuple[Any, ...]]]:
    """What to submit: a name, a function and its arguments."""
    folder = str(look.job.folder.absolute())
    if pool.pilots:
        names = (f"worker {number}" for number in range(min(workers, len(look.cells))))
        yield from (
            (name, work_in_worker, (folder, threads, pool.seconds, fail_fast)) for name in names if name not in running
        )
        return
    for cell in look.ready():
        if cell.id in running:
            continue
        state, stale = look.states[cell.id], look.is_stale(cell)
        if stale or state.status == "free":
            yield cell.id, attempt_in_worker, (folder, cell.id, state.attempt if stale else 0, threads, fail_fast)


def _first_error(ended: Iterable[Future[None]]) -> BaseException | None:
    """Why tasks ended without a word: their process was lost, or could not even begin."""
    errors = (CancelledError() if future.cancelled() else future.exception() for future in ended)
    return next((error for error in errors if error is not None), None)


def shard_of(job: Job, number: int, count: int) -> tuple[Cell, ...]:
    """The cells of a part of an experiment: all those of every `count`-th recording.

    Args:
        job: the experiment.
        number: of the part, from 1.
        count: how many parts there are.

    Raises:
        ArgumentError: there is no such part.
    """
    if not 1 <= number <= count:
        raise ArgumentError(f"shard {number}/{count} does not exist; the first is 1/{count}, the last {count}/{count}")
    # Runs that share a recording are in one part, which then waits for no other.
    own = set(list(dict.fromkeys(run.name for run in job.runs))[number - 1 :: count])
    return tuple(cell for cell in cells_of(job) if cell.run is not None and cell.run.name in own)
