"""Files that are written while the next ones are computed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from rltools.recording._writers import BlockFile, Columns

AHEAD_BYTES = 1 << 26
"""Of columns that may wait; more than one block waits only below this."""


class BackgroundFiles:
    """Writes files one after another in a thread of its own; leaving the block waits for all of them.

    Writing is compression and waiting for the disk, neither of which needs the thread that computes. An error of a
    write is raised by one of the next calls, or on leaving. A file appears whole, once its `finish` has been worked
    off, or not at all.

    Attributes:
        finished: the paths of the files that have appeared, or will.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._waiting: deque[tuple[Future[None], int]] = deque()
        self._bytes = 0
        self._files: dict[Path, BlockFile] = {}
        self.finished: list[Path] = []

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for everything, drop what was not finished, and raise what went wrong unless something already did."""
        for file in self._files.values():
            self._pool.submit(file.abandon)
        self._pool.shutdown()
        while self._waiting and error is None:
            self._settle_first()

    def write(self, path: Path, columns: Columns) -> None:
        """Append a block of rows, whose arrays must not change any more, to the file that will be at `path`."""
        file = self._files.setdefault(path, BlockFile(path))
        self._later(lambda: file.write(columns), sum(values.nbytes for values in columns.values()))

    def finish(self, path: Path, metadata: Mapping[str, str]) -> None:
        """Put the file in its place."""
        file = self._files[path]
        self._later(lambda: file.finish(metadata))  # raises what went wrong before; the file is then dropped on leaving
        del self._files[path]
        self.finished.append(path)

    def abandon(self, path: Path) -> None:
        """Leave nothing behind of a file, if it was begun."""
        if path in self._files:
            self._later(self._files[path].abandon)
            del self._files[path]

    def _later(self, call: Callable[[], None], size: int = 0) -> None:
        while self._waiting and (self._waiting[0][0].done() or self._bytes + size > AHEAD_BYTES):
            self._settle_first()
        self._waiting.append((self._pool.submit(call), size))
        self._bytes += size

    def _settle_first(self) -> None:
        written, size = self._waiting.popleft()
        self._bytes -= size
        written.result()
