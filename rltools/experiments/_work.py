"""Works through the cells of an experiment in this process, beside any number of others on any machine.

The folder is the truth: what is done, failed or being worked on is read from the claims in it.
"""

from __future__ import annotations

import errno
import random
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from rltools._util.files import uninterrupted
from rltools.errors import ArgumentError, BusyError
from rltools.experiments._do_cell import do_cell
from rltools.experiments._owner import this_process
from rltools.experiments._shared import is_alive
from rltools.experiments.cells import Cell, Job, cells_of
from rltools.experiments.claims import BEAT, CellState, Watch, held, owner_of, read_states, retry, take

POLL = 0.5
"""Seconds between two looks at the folder while others work; each time it is longer, up to `MOST_POLL`."""
MOST_POLL = 30.0
"""Hundreds of waiting processes that listed a folder of ten thousand files every second would keep others from it."""
LISTING_SHARE = 20.0
"""What was listed is fresh for so many times as long as listing took: hundreds of processes share one file server."""
LONGEST_FRESH = 300.0
"""The most seconds for which it is."""
MOST_MISSED = 8
"""The most cells in a row that others took since the listing, after which it is made again."""
PATIENCE = 900.0
"""Seconds for which a cell waits for a process that writes to its folder."""
MACHINE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE)
"""Errors of the system after which a cell is given back, not failed: the disk is full, read-only or broken."""


@dataclass
class CellStates:
    """The states of the cells of an experiment, as its folder said when it was last read.

    Attributes:
        job: the experiment.
        every: all its cells.
        cells: those that this process may do, in the order in which it tries them.
        watch: tells which claims of others are stale.
        states: of all cells, as last read.
        fresh_until: when they should be read again.
    """

    job: Job
    every: tuple[Cell, ...]
    cells: tuple[Cell, ...]
    watch: Watch
    states: dict[str, CellState] = field(default_factory=dict)
    fresh_until: float = 0.0

    def refresh(self) -> None:
        """Read the folder again."""
        begun = time.monotonic()
        self.states = read_states(self.job.board, [cell.id for cell in self.every])
        ended = time.monotonic()
        self.fresh_until = ended + min(LONGEST_FRESH, LISTING_SHARE * (ended - begun))

    def is_old(self) -> bool:
        """Whether the folder should be read again: what was read may be old, because no claim rests on it alone."""
        return time.monotonic() > self.fresh_until

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


def cell_states(job: Job, cells: Sequence[Cell] | None = None) -> CellStates:
    every = cells_of(job)
    return CellStates(job, every, every if cells is None else tuple(cells), watch=Watch())


def attempt(
    job: Job, cell: Cell, state: CellState, *, stale: bool, threads: int | None, progress: bool
) -> BaseException | bool | None:
    """Try to do a cell in this process.

    Returns:
        False if another process has it; None if it is done; the error if it failed.

    Raises:
        RltoolsError: this machine cannot do it, because its disk is full for instance; another one may.
    """
    begun = time.perf_counter()
    with ExitStack() as stack:
        with uninterrupted():  # a signal between the two would leave a claim that nobody holds
            claim = take(job.board, state, stale=stale)
            if claim is None:
                return False
            stack.enter_context(held(claim, beat=BEAT))
        try:
            content = _patiently(lambda: do_cell(job, cell, threads=threads, progress=progress))
        except Exception as error:
            if is_of_the_machine(error):
                raise
            claim.failed(f"{cell.id}\n{''.join(traceback.format_exception(error))}")
            return error
        claim.done({"host": this_process().host, "seconds": time.perf_counter() - begun} | content)
    return None


def _patiently(do: Callable[[], dict[str, Any]], patience: float = PATIENCE) -> dict[str, Any]:
    """Do a cell, waiting while another process writes to its folder: one that was suspended may have gone on."""
    begun = time.monotonic()
    while True:
        try:
            return do()
        except BusyError:
            if time.monotonic() - begun > patience:
                raise
            time.sleep(POLL)


def is_of_the_machine(error: BaseException) -> bool:
    """Whether an error says something about this machine and nothing about the cell: its disk is full, for instance."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in MACHINE_ERRORS:
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def restart(job: Job) -> None:
    """Let everything be checked again that is done or failed, unless other processes are at work on the experiment.

    What is in the folder is not done again, so that this costs little, and nothing rests on what a claim says about
    files that may have been removed since. What processes left that ended is begun at once.
    """
    current = cell_states(job)
    current.refresh()
    running = [state for state in current.states.values() if state.status == "running"]
    if not any(is_alive(job.board, state, owner_of(job.board, state)) for state in running):
        retry(job.board, current.states, "done", "failed", "running")


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
        poll: seconds between the first two looks at the folder while others work.
        sleep: waits so many seconds.

    Returns:
        The first error of a cell in this process; None if there was none.

    Raises:
        RltoolsError: this machine cannot do its part: its disk is full, for instance.
    """
    current = cell_states(job, cells)
    begun, longest, first, pause = time.monotonic(), 0.0, None, poll
    ready: list[Cell] = []
    missed = 0
    while True:
        if not ready or missed >= MOST_MISSED or current.is_old():
            current.refresh()
            ready, missed = current.ready(), 0
        if fail_fast and (first is not None or current.is_failing()):
            return first
        if current.is_over():
            page = current.every[-1]
            if page in current.cells or not current.is_ready(page):
                return first
            # Of a part of the experiment: whoever ends last writes the page.
            current.cells = (*current.cells, page)
            ready = [page]
        tried = False
        while ready and missed < MOST_MISSED and not tried:
            cell = ready.pop(0)
            state, stale = current.states[cell.id], current.is_stale(cell)
            if state.status == "running" and not stale:
                continue
            start = time.monotonic()
            if seconds is not None and start - begun + longest > seconds:
                return first
            outcome = attempt(job, cell, state, stale=stale, threads=threads, progress=progress)
            if outcome is False:
                # Others are at work. Hundreds of processes that all tried the same order would fail at every cell.
                missed += 1
                random.shuffle(ready)
                continue
            tried, missed, longest = True, 0, max(longest, time.monotonic() - start)
            if isinstance(outcome, BaseException):
                first = first or outcome
        if tried:
            pause = poll
        elif not ready:
            # Not all at once, and seldom where listing takes long.
            sleep(max(pause * random.uniform(0.5, 1), current.fresh_until - time.monotonic()))  # noqa: S311
            pause = min(1.5 * pause, MOST_POLL)


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
