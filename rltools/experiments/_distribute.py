"""Computes the cells of an experiment with the workers of an executor.

An executor is trusted with nothing but to run a function somewhere. Whether a cell is done is read from the folder,
never from the result of a future, and a future that ends with an error says why a worker could not begin.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from rltools._util.progress import say
from rltools.errors import ArgumentError, CellsError, RltoolsError
from rltools.experiments._shared import PACKAGE, description_of, open_shared, versions
from rltools.experiments._work import CellStates, attempt, cell_states, work
from rltools.experiments.cells import Job, cells_of
from rltools.experiments.claims import CellState, give_back_dead, read_states
from rltools.experiments.executors import Pool, open_executor

POLL = 1.0
"""Seconds between two looks at the folder."""
MOST_IDLE = 8
"""How often tasks may end badly without a cell being done in between and while nobody is at work."""
CERTAIN = 3
"""As how many of these an end counts whose reason does not pass."""
LONGEST_REST = 30.0
"""The most seconds for which a cell, whose task ended without doing it, is not submitted again."""
SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGUSR1", "SIGUSR2") if hasattr(signal, name)]
"""What schedulers send to a process that is to end."""


def run_in(
    job: Job,
    executor: Executor | str,
    workers: int,
    settings: Mapping[str, str] | None = None,
    *,
    threads: int | None = None,
    follow: Callable[[Mapping[str, CellState]], None] = lambda states: None,
    fail_fast: bool = False,
) -> None:
    """Compute all cells with an executor, or that of an address; claims of processes that are ended are released.

    Raises:
        ArgumentError: it is neither, or there is no such executor.
        CellsError: no worker can begin, or the executor loses its processes again and again.
    """
    try:
        if isinstance(executor, str):
            with open_executor(executor, workers, settings) as pool:
                distribute(job, pool, workers, threads=threads, follow=follow, fail_fast=fail_fast)
        elif callable(getattr(executor, "submit", None)):
            pool = Pool(lambda: executor)
            distribute(job, pool, workers, threads=threads, follow=follow, fail_fast=fail_fast)
        else:
            raise ArgumentError(
                f"executor is {executor!r:.100}; pass a concurrent.futures.Executor, or an address such as "
                f"'processes' or 'dask://HOST:PORT'"
            )
    finally:
        with suppress(OSError):  # the folder may be gone
            give_back_dead(job.board, read_states(job.board, [cell.id for cell in cells_of(job)]))


@dataclass
class _Tasks:
    """The tasks that an executor has, and how those that ended went.

    Attributes:
        running: what each future is to do.
        rests: until when what ended without being done is not submitted again, and for how long it rested.
        idle: how many ended badly since a cell was done or failed; some count more.
        reason: why the last one of these did.
    """

    running: dict[Future[Any], str] = field(default_factory=dict)
    rests: dict[str, tuple[float, float]] = field(default_factory=dict)
    idle: int = 0
    reason: BaseException | None = None

    def may_begin(self, names: Iterable[str]) -> list[str]:
        """What is neither running nor resting."""
        busy, now = set(self.running.values()), time.monotonic()
        return [name for name in names if name not in busy and self.rests.get(name, (now, 0.0))[0] <= now]

    def wait(self, poll: float, *, pilots: bool) -> bool:
        """Wait for so many seconds, or until a future has ended; whether the executor lost its processes."""
        if not self.running:
            time.sleep(poll)
            return False
        ended, _ = wait(self.running, timeout=poll, return_when=FIRST_COMPLETED)
        broken = False
        for future in ended:
            name = self.running.pop(future)
            reason = CancelledError() if future.cancelled() else future.exception()
            rest = min(LONGEST_REST, 2 * self.rests.get(name, (0.0, poll / 2))[1])
            self.rests[name] = time.monotonic() + rest, rest
            if reason is not None or pilots:
                self.idle += CERTAIN if _is_final(reason) else 1
                self.reason = reason or self.reason
            broken |= isinstance(reason, BrokenExecutor)
        return broken


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
    """Compute all cells with the processes of an executor.

    Args:
        job: the experiment, whose manifest is in its folder.
        pool: makes the executor.
        workers: how many tasks there are at a time if each of them works through many cells.
        threads: see `record` and `explain`.
        follow: called with the states of all cells now and then.
        fail_fast: begin no further cell after one has failed.
        poll: seconds between two looks at the folder.

    Raises:
        CellsError: no worker can begin, or the executor loses its processes again and again.
    """
    current, executor, tasks, ended_cells = cell_states(job), pool.make(), _Tasks(), -1
    common = description_of(job) | {"threads": threads, "fail_fast": fail_fast}
    try:
        while True:
            current.refresh()
            follow(current.states)
            if (count := sum(state.status in ("done", "failed") for state in current.states.values())) > ended_cells:
                tasks.idle, ended_cells = 0, count
            stopping = fail_fast and current.is_failing()
            if stopping:
                for future in tasks.running:
                    future.cancel()
            if current.is_over() or (stopping and not tasks.running):
                return
            try:
                for name, task in _to_submit(current, pool, workers, tasks) if not stopping else ():
                    tasks.running[executor.submit(in_worker, common | task)] = name
            except (BrokenExecutor, RuntimeError) as error:  # what cannot be submitted any more was lost meanwhile
                tasks.idle, tasks.reason = tasks.idle + 1, error
                executor = _another(executor, pool, tasks)
            if tasks.wait(poll, pilots=pool.pilots):
                executor = _another(executor, pool, tasks)
            if tasks.idle > MOST_IDLE and not _is_anybody_at_work(current):
                raise _idle(job, tasks)
    except BaseException:
        for future in tasks.running:
            future.cancel()
        raise


def _to_submit(current: CellStates, pool: Pool, workers: int, tasks: _Tasks) -> Iterator[tuple[str, dict[str, Any]]]:
    """What to submit now, each with its name."""
    if pool.pilots:
        for name in tasks.may_begin(f"worker {number}" for number in range(min(workers, len(current.cells)))):
            yield name, {"cell": None, "seconds": pool.seconds}
        return
    ready = {cell.id: cell for cell in current.ready()}
    for name in tasks.may_begin(ready):
        state, stale = current.states[name], current.is_stale(ready[name])
        if stale or state.status == "free":
            yield name, {"cell": name, "stale": state.attempt if stale else 0}


def _another(executor: Executor, pool: Pool, tasks: _Tasks) -> Executor:
    """An executor in the place of one that lost its processes.

    Raises:
        CellsError: there is no other, for instance because the caller passed it.
    """
    other = pool.make()
    if other is executor:
        raise CellsError(
            f"the executor takes no more tasks ({_line(tasks.reason)}); what was done is kept: run it again with "
            f"another one"
        ) from tasks.reason
    tasks.running.clear()
    with suppress(Exception):
        executor.shutdown(wait=False)
    say("processes were lost; others take over", show=True)
    return other


def _is_anybody_at_work(current: CellStates) -> bool:
    """Whether any process works on a cell, here or elsewhere."""
    return any(current.states[cell.id].status == "running" and not current.is_stale(cell) for cell in current.every)


def _line(error: BaseException | None) -> str:
    return f"{type(error).__name__}: {error}".split("\n")[0][:300] if error is not None else "they said nothing"


def _is_final(reason: BaseException | None) -> bool:
    """Whether a worker would fail in the same way again: a package is missing there, or it sees another folder."""
    return any(isinstance(each, RltoolsError | ImportError | AttributeError) for each in _chain(reason))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _idle(job: Job, tasks: _Tasks) -> CellsError:
    """The error after too many tasks have ended without a cell being done."""
    line, chain = _line(tasks.reason), list(_chain(tasks.reason))
    own = next((each for each in chain if isinstance(each, RltoolsError)), None)
    text = "\n".join(map(str, chain))
    if own is not None:
        cause = str(own)
    elif "No module named 'rltools" in text or in_worker.__name__ in text:
        needed = f"{PACKAGE}=={versions()[PACKAGE]}"
        cause = f"its workers have no rltools, or another version of it ({line}); pip install {needed} where they run"
    else:
        cause = f"{line}; run it again with fewer workers, or more memory or time for each"
    return CellsError(
        f"the tasks of the executor end without a cell being done: {cause}. What was done before remains: rltools "
        f"status {job.folder} shows it"
    )


def in_worker(task: Mapping[str, Any]) -> None:
    """Run by a worker of an executor: do one cell of an experiment, or work through all; the folder says how that went.

    Args:
        task: which experiment, see `description_of`; `threads` and `fail_fast`; `cell`, the id of one, with `stale`,
            the number of the attempt at it that may be taken over, or None, with `seconds`, see `work`.

    Raises:
        RltoolsError: this worker can do nothing: the folder is not shared, it has other versions, its disk is full.
    """
    with _ended_by_signals():
        job = open_shared(task)
        if task["cell"] is None:
            work(job, threads=task["threads"], seconds=task["seconds"], fail_fast=task["fail_fast"])
            return
        current = cell_states(job)
        current.refresh()
        if task["fail_fast"] and current.is_failing():
            return
        cell = next(cell for cell in current.every if cell.id == task["cell"])
        state = current.states[cell.id]
        attempt(job, cell, state, stale=state.attempt == task["stale"], threads=task["threads"], progress=False)


class _Ended(BaseException):
    """A signal requested the end of this process."""


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Leave the block when a scheduler ends this process, so that claims are released; then do what it would do.

    Without that, most executors would end the process at once, and submitit raises an error within whatever runs.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[tuple[int, FrameType | None]] = []

    def end(number: int, frame: FrameType | None) -> None:
        arrived.append((number, frame))
        if len(arrived) == 1:
            raise _Ended

    before = {number: handler for number in SIGNALS if (handler := signal.getsignal(number)) != signal.SIG_IGN}
    for number in before:
        signal.signal(number, end)
    try:
        with suppress(_Ended):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for number, frame in arrived[:1]:
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)
        else:
            os.kill(os.getpid(), number)
