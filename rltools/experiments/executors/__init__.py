"""Where the cells of an experiment are done: one file per executor, found by its place.

A file `name.py` has a context manager `name(address, workers, settings)` that yields a `Pool`, which makes a
`concurrent.futures.Executor`, and another one if that loses its processes. `--executor name`,
`name://ADDRESS` and `--set key=value` reach it. Nothing else knows which executors there are, and none of them is
trusted with a result: the folder of the experiment says what is done. Read `processes.py` first.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import cast

from rltools._util.discovery import load_member, loadable, unknown_name
from rltools.errors import ArgumentError
from rltools.experiments.executors._pool import Pool

__all__ = ["Pool", "executor_names", "open_executor"]


def executor_names() -> tuple[str, ...]:
    """The names of all executors, in alphabetical order.

    Example:
        >>> from rltools.experiments.executors import executor_names
        >>> "processes" in executor_names()
        True
    """
    return loadable(__name__)


def check_executor(address: str) -> None:
    """Check that there is an executor of an address.

    Raises:
        UnknownNameError: there is none; the message has the nearest ones.
    """
    name = address.partition("://")[0]
    if name not in executor_names():
        raise unknown_name("executor", name, executor_names())


def open_executor(
    address: str, workers: int, settings: Mapping[str, str] | None = None
) -> AbstractContextManager[Pool]:
    """The executor of an address: its name, or `name://` and where it is.

    Args:
        address: for instance "processes", "dask://10.0.0.5:8786" or "slurm".
        workers: how many cells are done at the same time.
        settings: what else it needs to know, by name.

    Raises:
        UnknownNameError: there is no such executor; the message has the nearest ones.
        ArgumentError: a setting that it does not have, or the package that it needs is not installed.
    """
    name, _, rest = address.partition("://")
    check_executor(address)
    declared = load_member(f"{__name__}.{name}", name)
    if not callable(declared):
        raise ArgumentError(f"executors/{name}.py has no function {name}; see executors/processes.py")
    return cast("AbstractContextManager[Pool]", declared(rest, workers, dict(settings or {})))
