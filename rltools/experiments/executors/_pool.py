"""What an executor's file yields."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass


@dataclass(frozen=True)
class Pool:
    """Where cells are done.

    Attributes:
        make: makes the executor, and another one if its processes were lost.
        pilots: each task works through many cells, because a task waits long before it begins.
        seconds: how long such a task may work; None for no limit.
    """

    make: Callable[[], Executor]
    pilots: bool = False
    seconds: float | None = None
