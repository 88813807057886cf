"""Files that are written while the next ones are computed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from rltools.recording._writers import BlockFile, Columns

AHEAD = 8
"""Calls that may wait; more would hold the memory of what they write."""


class BackgroundFiles:
    """Writes files one after another in a thread of its own; leaving the block waits for all of them.

    Writing is compression and waiting for the disk, neither of which needs the thread that computes. An error of a
    write is raised by one of the next calls, or on leaving.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for everything, and raise what went wrong with it unless something else already did."""
        self._pool.shutdown()
        while self._waiting and error is None:
            self._waiting.popleft().result()

    def open(self, path: Path) -> BackgroundFile:
        """A file that appears whole, once its `finish` has been worked off, or not at all."""
        return BackgroundFile(BlockFile(path), self._later)

    def _later(self, call: Callable[[], None]) -> None:
        while len(self._waiting) >= AHEAD or (self._waiting and self._waiting[0].done()):
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(call))


class BackgroundFile:
    """`BlockFile`, later."""

    def __init__(self, file: BlockFile, later: Callable[[Callable[[], None]], None]) -> None:
        self._file, self._later = file, later

    def write(self, columns: Columns) -> None:
        """Append a block of rows, whose arrays must not change any more."""
        self._later(lambda: self._file.write(columns))

    def finish(self, metadata: Mapping[str, str]) -> None:
        """Put the file in its place."""
        self._later(lambda: self._file.finish(metadata))

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._later(self._file.abandon)
