"""Jobs of Slurm through submitit, each of which works through cells until its time is over.

A job per cell would wait in the queue for each of them; so there are as many jobs as workers. What a job returns is
never read: the folder says what is done, and a job that ended early is submitted again. `slurm://local` runs the jobs
as processes of this machine.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rltools.errors import ArgumentError, SimulationError
from rltools.experiments.executors._pool import Pool

LOGS = Path("slurm-logs")
"""The folder of submitit's files, which all nodes have to share."""
POLL = 2.0
"""Seconds between two questions whether a job has ended."""
MINUTES = 60
"""The time of a job if no setting says another."""
_OWN = {"partition": "slurm_partition", "account": "slurm_account", "qos": "slurm_qos", "mem": "slurm_mem"}
LAST = 0.95
"""The part of its time after which a job begins nothing more, nor anything that may take longer than the rest."""


def minutes(text: str) -> int:
    """A time as Slurm writes it, in minutes.

    Raises:
        ArgumentError: it is not one.

    >>> minutes("90"), minutes("1:30:00"), minutes("2-0:00:00")
    (90, 90, 2880)
    """
    days, _, clock = text.rpartition("-")
    parts = clock.split(":")
    if not (all(map(str.isdigit, parts)) and 1 <= len(parts) <= 3 and (days or "0").isdigit()):
        raise ArgumentError(f"time={text!r:.40} is no time; write minutes, MM:SS, H:MM:SS or D-H:MM:SS")
    numbers = [int(part) for part in parts]
    seconds = numbers[0] * 60 if len(numbers) == 1 else sum(n * 60**k for k, n in enumerate(reversed(numbers)))
    return max(1, int(days or 0) * 1440 + -(-seconds // 60))


class _Jobs(Executor):
    """Jobs as futures that say that a job has ended, and nothing about how."""

    def __init__(self, executor: Any) -> None:
        self._executor = executor
        self._jobs: list[Any] = []

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Submit a job; its future has no result."""
        job: Any = self._executor.submit(function, *args, **kwargs)
        self._jobs.append(job)
        future: Future[Any] = Future()
        threading.Thread(target=self._wait, args=(job, future), daemon=True).start()
        return future

    @staticmethod
    def _wait(job: Any, future: Future[Any]) -> None:
        while not job.done():
            time.sleep(POLL)
        if not future.cancelled():
            future.set_result(None)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Cancel jobs that run, if asked for."""
        for job in self._jobs if cancel_futures else ():
            if not job.done():
                job.cancel()


@contextmanager
def slurm(address: str, workers: int, settings: Mapping[str, str]) -> Iterator[Pool]:
    """Jobs of Slurm; settings are partition, account, qos, mem, cpus and time, and whatever else sbatch takes.

    Raises:
        ArgumentError: submitit is not installed, or a setting is invalid.
        SimulationError: there is no Slurm here.
    """
    try:
        import submitit
    except ImportError:
        raise ArgumentError("submitit is not installed; pip install 'rltools-attribution[slurm]'") from None
    remaining = dict(settings)
    parameters: dict[str, Any] = {
        "name": "rltools",
        "timeout_min": minutes(remaining.pop("time", str(MINUTES))),
        "cpus_per_task": int(remaining.pop("cpus", "1")),
    }
    parameters |= {_OWN[name]: remaining.pop(name) for name in list(remaining) if name in _OWN}
    if remaining:
        parameters["slurm_additional_parameters"] = remaining
    try:
        executor = submitit.AutoExecutor(folder=LOGS, cluster=address or "slurm")
        accepted = parameters if executor.cluster == "slurm" else {"timeout_min": parameters["timeout_min"]}
        executor.update_parameters(**accepted)
    except (RuntimeError, OSError, ValueError) as error:
        raise SimulationError(
            f"no Slurm answers here ({str(error)[:200]}); run it where sbatch is, or write a script for another "
            f"scheduler with --shard"
        ) from None
    jobs = _Jobs(executor)
    try:
        yield Pool(lambda: jobs, pilots=True, seconds=LAST * 60 * parameters["timeout_min"])
    except BaseException:
        jobs.shutdown(cancel_futures=True)
        raise
