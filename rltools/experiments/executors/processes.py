"""Processes of this machine, through loky."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager

from rltools._util.workers import end_processes, start_processes
from rltools.errors import ArgumentError
from rltools.experiments.executors._pool import Pool


@contextmanager
def processes(address: str, workers: int, settings: Mapping[str, str]) -> Iterator[Pool]:
    """As many processes as there are workers, each with one thread.

    Raises:
        ArgumentError: an address or a setting, of which there are none.
    """
    if address or settings:
        raise ArgumentError(
            f"processes of this machine take no address and no settings, not {address or dict(settings)!r:.100}; only "
            f"workers"
        )
    executors: list[Executor] = []

    def make() -> Executor:
        executors.append(start_processes(workers))
        return executors[-1]

    try:
        yield Pool(make)
    except BaseException:
        for executor in executors:
            end_processes(executor)  # they would work on
        raise
    else:
        for executor in executors:
            executor.shutdown(wait=True)
