"""Runs parts of some work in other processes: those of any executor, or of this machine, kept for the next call.

A process takes seconds to start, because it imports torch, so that calls within a minute share processes. Each has one
thread, is not interrupted by Ctrl-C, which is for this process to handle, and ends when this process does, however that
ends.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

from rltools._util.limits import MAX_THREADS, check_count
from rltools.errors import ArgumentError, SimulationError

Workers = int | Executor
"""How many processes of this machine; or any `concurrent.futures.Executor` whose workers share its files."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""For each process: more would take the cores from the others."""
IDLE = 60.0
"""Seconds after which processes that have nothing to do are ended."""
LOOK = 0.25
"""Seconds between two calls of `look` while results are awaited."""
WATCH = 0.5
"""Seconds between two checks of a worker process whether its parent has ended."""
PARTS = 16
"""Into how many parts work is divided for an executor, whose size is unknown."""
_IDLE: dict[tuple[int, int], tuple[Executor, threading.Timer]] = {}
"""By this process and their number: idle processes, and the timer that ends them."""
_LOCK = threading.Lock()


def check_workers(workers: Any) -> None:
    """Check that an argument is a number of processes or an executor.

    Raises:
        ArgumentError: it is neither.

    >>> check_workers(0)
    Traceback (most recent call last):
    rltools.errors.ArgumentError: workers is 0; it must be at least 1
    """
    if not isinstance(workers, Executor):
        check_count("workers", workers, most=MAX_THREADS)


def parallel_parts(workers: Workers) -> int:
    """How many parts of some work are done at the same time; 1 if it is done in this process."""
    return PARTS if isinstance(workers, Executor) else workers


def start_workers(workers: Workers) -> None:
    """Start the processes that a call will need soon, so that they import torch while this one does other things."""
    if not isinstance(workers, Executor) and workers > 1:
        executor = _borrow(workers)
        for _ in range(workers):
            _submit(executor, _import_torch)
        _give_back(workers, executor)


@contextmanager
def in_workers(
    workers: Workers,
    function: Callable[[Any, Any], Any],
    shared: Any,
    parts: Sequence[Any],
    look: Callable[[], None] = lambda: None,
) -> Iterator[Iterator[tuple[int, Any]]]:
    """Do parts of some work in other processes; yields an iterator of positions and results, as they come.

    Leaving the block before all are done, by an error or Ctrl-C for instance, ends the processes.

    Args:
        workers: how many processes, or an executor.
        function: a function of a module, called with `shared` and a part.
        shared: what all parts need, for instance a policy; sent with cloudpickle.
        parts: plain data.
        look: called a few times a second while results are awaited.

    Raises:
        ArgumentError: `shared` cannot be sent to another process, or not be made there.
        SimulationError: a process ended before its part was done.
        Exception: what a part raises.
    """
    payload, name = _packed(shared), uuid.uuid4().hex
    executor: Any = workers if isinstance(workers, Executor) else _borrow(workers)
    place = None if executor is workers else _Place(str(os.getcwd()), tuple(sys.path), dict(os.environ))  # noqa: PTH109
    futures: dict[Future[Any], int] = {}
    try:
        for position, part in enumerate(parts):
            futures[_submit(executor, _do_part, function, name, payload, place, part)] = position
        yield _results(futures, look)
    finally:
        if executor is workers:
            for future in futures:
                future.cancel()
            wait(futures)  # they write files
        elif not all(future.done() for future in futures):
            end_processes(executor)
        elif not any(isinstance(future.exception(), BrokenExecutor) for future in futures):
            _give_back(cast("int", workers), executor)


def _results(futures: dict[Future[Any], int], look: Callable[[], None]) -> Iterator[tuple[int, Any]]:
    pending = set(futures)
    while pending:
        ended, pending = wait(pending, timeout=LOOK, return_when=FIRST_COMPLETED)
        look()
        for future in sorted(ended, key=futures.__getitem__):
            try:
                result, caught = future.result()
            except BrokenExecutor as error:
                raise SimulationError(
                    f"another process that worked on this ended ({type(error).__name__}), as when memory is short or "
                    f"an environment crashes; what was finished before is kept: call again with fewer workers or "
                    f"num_envs, and it continues there"
                ) from error
            for warning in caught:
                warnings.warn(warning, stacklevel=4)
            yield futures[future], result


def start_processes(count: int) -> Executor:
    """An executor with so many processes of this machine; see above."""
    from joblib.externals.loky import ProcessPoolExecutor

    executor = ProcessPoolExecutor(max_workers=count, initializer=_begin, initargs=(os.getpid(),), env=ONE_THREAD)
    _submit(executor, _nothing)
    return cast("Executor", executor)


def end_processes(executor: Any) -> None:
    """End the processes of `start_processes` at once, whatever they do, and wait for that."""
    from joblib.externals.loky.backend.utils import kill_process_tree

    # Not by `shutdown` alone, whose thread ends without doing it if futures have been canceled.
    for process in list(executor._processes.values()):
        with suppress(OSError):
            kill_process_tree(process)
    executor.shutdown(wait=True, kill_workers=True)


def _borrow(count: int) -> Executor:
    """An executor that nobody else uses, whose processes have been started."""
    with _LOCK:
        own = {key: _IDLE.pop(key) for key in list(_IDLE) if key[0] == os.getpid()}
    executor, _ = own.pop((os.getpid(), count), (None, None))
    for other, timer in own.values():  # of another size: their memory is needed
        timer.cancel()
        other.shutdown(wait=False)
    if executor is not None:
        with suppress(BrokenExecutor, RuntimeError):  # its processes were killed while they waited
            _submit(executor, _nothing)
            return executor
    return start_processes(count)


def _give_back(count: int, executor: Executor) -> None:
    key = os.getpid(), count

    def end() -> None:
        with _LOCK:
            if key not in _IDLE or _IDLE[key][1] is not timer:
                return
            del _IDLE[key]
        executor.shutdown(wait=False)

    timer = threading.Timer(IDLE, end)
    timer.daemon = True
    with _LOCK:
        before = _IDLE.pop(key, None)
        _IDLE[key] = executor, timer
    timer.start()
    if before is not None:
        before[0].shutdown(wait=False)


def _submit(executor: Any, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
    """Submit a call; processes that are started by it do not receive Ctrl-C."""
    if not hasattr(signal, "pthread_sigmask"):
        return cast("Future[Any]", executor.submit(function, *arguments))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return cast("Future[Any]", executor.submit(function, *arguments))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _packed(shared: Any) -> bytes:
    """What all parts need as bytes for other processes, which are read there and nowhere else.

    Raises:
        ArgumentError: something in it cannot be sent.
    """
    import cloudpickle

    try:
        return bytes(cloudpickle.dumps(shared))
    except Exception as error:
        raise ArgumentError(
            f"the policy or the environment cannot be sent to another process ({type(error).__name__}: "
            f"{str(error)[:200]}); leave out workers, or give an id of an environment and the path of an agent"
        ) from error


@dataclass(frozen=True)
class _Place:
    """The working directory, import path and environment variables of the caller, which a worker takes over."""

    directory: str
    path: tuple[str, ...]
    variables: dict[str, str]

    def enter(self) -> None:
        with suppress(OSError):
            os.chdir(self.directory)
        sys.path[:] = self.path
        variables = self.variables | ONE_THREAD
        for name in os.environ.keys() - variables.keys():
            del os.environ[name]
        os.environ.update(variables)


_SHARED: dict[str, Any] = {}
"""In a worker process: what the parts of the last call share, by its name."""


def _do_part(function: Callable[[Any, Any], Any], name: str, payload: bytes, place: _Place | None, part: Any) -> Any:
    """Run in a worker process: the result of a part, and the warnings that it gave."""
    if place is not None:
        place.enter()
    with warnings.catch_warnings(record=True) as caught:
        try:
            result = function(_unpacked(name, payload), part)
        except Exception as error:
            if _is_sendable(error):
                raise
            raise RuntimeError(f"{type(error).__name__}: {error}") from None
    return result, [warning.message for warning in caught]


def _unpacked(name: str, payload: bytes) -> Any:
    if name not in _SHARED:
        import cloudpickle

        is_first = not _SHARED
        _SHARED.clear()
        try:
            _SHARED[name] = cloudpickle.loads(payload)
        except Exception as error:
            raise ArgumentError(
                f"another process cannot make the policy or the environment ({type(error).__name__}: "
                f"{str(error)[:200]}); install the module that defines it, or leave out workers"
            ) from error
        if is_first:
            # Loky collects garbage once a second, which takes a tenth of one for all that was imported by now.
            gc.freeze()
    return _SHARED[name]


def _is_sendable(error: Exception) -> bool:
    """Whether an error can be made again in another process; many need other arguments than they keep."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  # what was just written
    except Exception:
        return False
    return True


def _nothing() -> None:
    """Start the processes of an executor."""


def _begin(parent: int) -> None:
    """Begin a worker process: watch the process that started it, and keep the memory that the work takes."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH)
        os._exit(1)

    threading.Thread(target=watch, name="rltools-parent", daemon=True).start()
    from joblib.externals.loky import process_executor

    # Else it ends a process whose memory grows by 300 MB, as by importing torch, because it may leak.
    process_executor._USE_PSUTIL = False


def _import_torch() -> None:
    """Import what takes longest, before the first part needs it."""
    import torch

    torch.set_num_threads(1)
