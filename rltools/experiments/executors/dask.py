"""A cluster of dask.distributed: `dask://HOST:PORT`, or a cluster of this machine without an address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import cast

from rltools.errors import ArgumentError
from rltools.experiments.executors._pool import Pool

SECONDS = 20
"""How long to wait for a scheduler."""


@contextmanager
def dask(address: str, workers: int, settings: Mapping[str, str]) -> Iterator[Pool]:
    """The executor of a client of the scheduler; a task whose worker is killed is given to another one.

    Raises:
        ArgumentError: dask.distributed is not installed, there is no such scheduler, or there are settings.
    """
    if settings:
        raise ArgumentError(f"dask takes no settings, not {dict(settings)!r:.100}; set them where its cluster is made")
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise ArgumentError("dask.distributed is not installed; pip install 'rltools-attribution[dask]'") from None
    try:
        if address:
            client = Client(address if "://" in address else f"tcp://{address}", timeout=SECONDS)
        else:
            client = Client(LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None))
    except (OSError, ValueError) as error:
        raise ArgumentError(
            f"no scheduler of dask answers at {address} within {SECONDS} s ({str(error)[:200]}); start one with "
            f"`dask scheduler`, and give its address as dask://HOST:PORT"
        ) from None
    with client:
        yield Pool(lambda: cast("Executor", client.get_executor(pure=False, retries=0)))
