"""Ray: `ray` starts it on this machine, `ray://ADDRESS` joins a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any

from rltools.errors import ArgumentError, SimulationError
from rltools.experiments.executors._pool import Pool


class _Tasks(Executor):
    """Plain tasks of Ray as an executor."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a function as a task that is not repeated: what is done again is read from the folder."""
        task = self._ray.remote(max_retries=0)(function)
        future: Future[Any] = task.remote(*args, **kwargs).future()
        return future


@contextmanager
def ray(address: str, workers: int, settings: Mapping[str, str]) -> Iterator[Pool]:
    """Tasks of a Ray cluster, one CPU each.

    Raises:
        ArgumentError: Ray is not installed, or a setting, of which there are none.
        SimulationError: there is no cluster at the address.
    """
    if settings:
        raise ArgumentError(f"ray takes no settings, not {dict(settings)!r:.100}; set them where its cluster is made")
    try:
        import ray as library
    except ImportError:
        raise ArgumentError("ray is not installed; pip install 'rltools-attribution[ray]'") from None
    where: dict[str, Any] = {"address": address} if address else {"num_cpus": workers}
    try:
        library.init(**where, include_dashboard=False, log_to_driver=False, ignore_reinit_error=True)
    except (ConnectionError, OSError, ValueError, RuntimeError) as error:
        raise SimulationError(
            f"no cluster of Ray answers at {address or 'this machine'} ({str(error)[:200]}); start one with "
            f"`ray start --head`, and give its address as ray://HOST:PORT"
        ) from None
    try:
        yield Pool(lambda: _Tasks(library))
    finally:
        library.shutdown()
