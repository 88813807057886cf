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

from rltools._util.text import did_you_mean
from rltools.errors import ArgumentError
from rltools.experiments.executors._pool import Pool

LOGS = Path("slurm-logs")
"""The folder of submitit's files, which all nodes have to share."""
POLL = 2.0
"""Seconds between two questions whether a job has ended."""
MINUTES = 60
"""The time of a job if no setting says another."""
_OWN = {"partition": "slurm_partition", "account": "slurm_account", "qos": "slurm_qos", "mem": "slurm_mem"}
SBATCH = frozenset(
    (  # noqa: SIM905
        "acctg-freq bb begin clusters comment constraint contiguous core-spec cores-per-socket cpu-freq cpus-per-gpu "
        "deadline delay-boot dependency distribution exclude exclusive export gpu-bind gpu-freq gpus gpus-per-node "
        "gpus- per-task gres gres-flags hint hold licenses mail-type mail-user mcs-label mem-bind mem-per-cpu "
        "mem-per-gpu mincpus network nice no-kill no-requeue nodelist nodes overcommit oversubscribe power prefer "
        "priority profile reboot requeue reservation signal sockets-per-node spread-job switches thread-spec "
        "threads-per-core time-min tmp tres-bind tres-per-task use-min-nodes wait-all-nodes wckey"
    ).split()
)
"""Options of sbatch that settings may have the names of, as its manual lists them; others would break what is here."""
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
        if future.set_running_or_notify_cancel():
            if reason := _why_it_ended(job):
                future.set_exception(ChildProcessError(reason))
            else:
                future.set_result(None)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Cancel jobs that run, if asked for."""
        for job in self._jobs if cancel_futures else ():
            if not job.done():
                job.cancel()


def _why_it_ended(job: Any) -> str:
    """The last line that a job wrote, if it left no result; it may have been killed, or could not begin."""
    if job.paths.result_pickle.exists():
        return ""
    text = (job.stderr() or job.stdout() or "").strip()
    return f"job {job.job_id} {job.state}: {text.splitlines()[-1] if text else 'no output'}, see {job.paths.stderr}"


@contextmanager
def slurm(address: str, workers: int, settings: Mapping[str, str]) -> Iterator[Pool]:
    """Jobs of Slurm; settings are partition, account, qos, mem, cpus and time, and whatever else sbatch takes.

    Raises:
        ArgumentError: submitit is not installed, there is no Slurm here, or a setting is invalid.
    """
    try:
        import submitit
    except ImportError:
        raise ArgumentError("submitit is not installed; pip install 'rltools-attribution[slurm]'") from None
    cluster = address or "slurm"
    parameters = _parameters(settings, cluster)
    try:
        executor = submitit.AutoExecutor(folder=LOGS, cluster=cluster)
        executor.update_parameters(**parameters)
    except (RuntimeError, OSError, ValueError) as error:
        raise ArgumentError(
            f"no Slurm answers here ({str(error)[:200]}); run it where sbatch is, or print a script with rltools "
            f"slurm, or use --shard with another scheduler"
        ) from None
    jobs = _Jobs(executor)
    try:
        yield Pool(lambda: jobs, pilots=True, seconds=LAST * 60 * parameters["timeout_min"])
    finally:
        jobs.shutdown(cancel_futures=True)  # what waits in the queue has nothing left to do


def _parameters(settings: Mapping[str, str], cluster: str) -> dict[str, Any]:
    """The settings as submitit calls them; what it has no name for goes to sbatch as it is."""
    remaining = dict(settings)
    time_limit = minutes(remaining.pop("time", str(MINUTES)))
    if cluster != "slurm":
        if remaining:
            raise ArgumentError(f"slurm://{cluster} takes no setting but time, not {remaining!r:.100}; leave them out")
        return {"timeout_min": time_limit}
    cpus = remaining.pop("cpus", "1")
    if not (cpus.isascii() and cpus.isdigit() and int(cpus)):
        raise ArgumentError(f"cpus={cpus!r:.40} is no number of cores; write how many each job gets, for instance 1")
    unknown = sorted(name for name in remaining if name not in _OWN and name not in SBATCH)
    if unknown:
        hints = "; ".join(f"{name!r:.40}: {did_you_mean(name, (*_OWN, *SBATCH), count=1)}" for name in unknown)
        raise ArgumentError(f"sbatch has no such setting: {hints}; see `man sbatch`")
    own = {_OWN[name]: remaining.pop(name) for name in list(remaining) if name in _OWN}
    flags = {name: True if value in ("", "true") else value for name, value in remaining.items()}
    more: dict[str, Any] = {"slurm_additional_parameters": flags} if flags else {}
    return {"name": "rltools", "timeout_min": time_limit, "cpus_per_task": int(cpus), **own, **more}
