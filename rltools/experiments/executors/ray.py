"""Ray: `ray` starts it here, `ray://HOST:PORT` joins a cluster as its client, `ray://auto` from one of its machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any

from rltools.errors import ArgumentError
from rltools.experiments.executors._pool import Pool


class _Tasks(Executor):
    """Plain tasks of Ray as an executor, each of which is not repeated: what is done again is read from the folder."""

    def __init__(self, ray: Any) -> None:
        self._remote = ray.remote(num_cpus=1, max_retries=0)(_call)

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a function as a task."""
        future: Future[Any] = self._remote.remote(function, args, kwargs).future()
        return future


def _call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return function(*args, **kwargs)


@contextmanager
def ray(address: str, workers: int, settings: Mapping[str, str]) -> Iterator[Pool]:
    """Tasks of a Ray cluster, one CPU each.

    Raises:
        ArgumentError: Ray is not installed, there is no cluster at the address, or there are settings.
    """
    if settings:
        raise ArgumentError(f"ray takes no settings, not {dict(settings)!r:.100}; set them where its cluster is made")
    try:
        import ray as library
    except ImportError:
        raise ArgumentError("ray is not installed; pip install 'rltools-attribution[ray]'") from None
    if address:
        where: dict[str, Any] = {"address": address if address == "auto" else f"ray://{address}"}
    else:
        where = {"address": "local", "num_cpus": workers, "include_dashboard": False}
    try:
        library.init(**where, log_to_driver=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise ArgumentError(
            f"no cluster of Ray answers at {address or 'this machine'} ({str(error)[:200]}); start one with "
            f"`ray start --head --ray-client-server-port=10001`, and give its address as ray://HOST:10001, with "
            f"RAY_AUTH_MODE=token in the environment if it asks for its token"
        ) from None
    try:
        yield Pool(lambda: _Tasks(library))
    finally:
        library.shutdown()
