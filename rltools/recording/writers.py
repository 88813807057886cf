"""Writes files of columns block by block: episodes, their frames, attributions."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from rltools._util.arrays import object_column
from rltools._util.files import check_in_place, discard, put_in_place, temporary_name, uninterrupted
from rltools.recording.episode import Outcome, episode_metadata
from rltools.recording.parquet import ColumnWriter
from rltools.recording.seal import EPISODE_ROWS, NUMBER, RECORDING

Columns = Mapping[str, np.ndarray]


class BlockFile:
    """A file of columns that appears complete, once `finish` is called, or not at all."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = temporary_name(path)
        self._writer: ColumnWriter | None = None

    @property
    def begun(self) -> bool:
        """Whether anything was written."""
        return self._writer is not None

    @property
    def content(self) -> str:
        """The checksum that identifies the rows so far; "" before the first block."""
        return "" if self._writer is None else self._writer.content

    def write(self, columns: Columns) -> None:
        """Append a block of rows; a block without rows only fixes the types of the columns."""
        if self._writer is None:
            check_in_place(self._path)
            self._path.parent.mkdir(exist_ok=True)  # not its parents: a run's folder that was deleted stays deleted
            self._writer = ColumnWriter(self._temporary, columns)
        self._writer.write(columns)

    def finish(self, metadata: Mapping[str, str]) -> None:
        """Put the file in place, or leave nothing behind; Ctrl-C waits for it."""
        if self._writer is None:
            return
        try:
            with uninterrupted():
                self._writer.close(metadata)
                put_in_place(self._temporary, self._path)
        except BaseException:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Leave nothing behind."""
        if self._writer is not None:
            self._writer.abandon()
        discard(self._temporary)


class EpisodeWriter:
    """Writes an episode, and its frames if it has any."""

    def __init__(self, episode: Path, frames: Path | None, recording: str = "") -> None:
        """Prepare the files; `recording` is the seal of the recording that the episode belongs to."""
        self._episode = BlockFile(episode)
        self._frames = BlockFile(frames) if frames else None
        self._recording = {RECORDING: recording}

    @property
    def content(self) -> str:
        """The checksum that identifies the rows so far."""
        return self._episode.content

    def write(self, columns: Columns, frames: list[bytes]) -> None:
        """Append a block of steps, with a frame for each if the episode has frames."""
        self._episode.write(columns)
        if self._frames:
            self._frames.write({"frame": object_column(frames)})

    def finish(
        self,
        outcome: Outcome,
        final_observation: Mapping[str, Any] | None,
        frames_per_second: float,
        final_value: float | None = None,
    ) -> None:
        """Put the files in place, the frames first: an episode that exists is complete; see `episode_metadata`."""
        if self._frames:
            identity = {NUMBER: f"{outcome.number:06d}", EPISODE_ROWS: self._episode.content}
            self._frames.finish({"frames_per_second": str(frames_per_second), **self._recording, **identity})
        self._episode.finish(episode_metadata(outcome, final_observation, final_value) | self._recording)

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._episode.abandon()
        if self._frames:
            self._frames.abandon()


AHEAD_BYTES = 1 << 26
"""Most bytes in the queue of blocks to write; a single larger block may wait alone."""


WRITERS = 4
"""Threads that write files: a disk takes several at once no slower than one."""


class BackgroundFiles:
    """Writes files in background threads, each in order; leaving the block waits for all of them.

    Writing means compressing and waiting for the disk, which need not block the computing thread. An error is raised by
    one of the next calls, or on leaving. A file appears complete, after its `finish`, or not at all.

    Attributes:
        finished: the paths of the files that have been finished, or will be.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(WRITERS)
        self._waiting: deque[tuple[Future[None], int]] = deque()
        self._bytes = 0
        self._files: dict[Path, BlockFile] = {}
        self._latest: dict[Path, Future[None]] = {}
        self.finished: list[Path] = []

    def __enter__(self) -> Self:
        """Enter the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for all writes, discard unfinished files, and raise the first error unless the block raised one."""
        self._pool.shutdown()
        for file in self._files.values():
            file.abandon()
        while self._waiting and error is None:
            self._settle_first()

    def write(self, path: Path, columns: Columns) -> None:
        """Append a block of rows, whose arrays must not change afterwards, to the file that will be at `path`."""
        file = self._files.setdefault(path, BlockFile(path))
        self._later(path, lambda: file.write(columns), sum(values.nbytes for values in columns.values()))

    def finish(self, path: Path, metadata: Mapping[str, str], *, after: Path | None = None) -> None:
        """Put the file in place, and not before another one, `after`, is."""
        file, before = self._files[path], None if after is None else self._latest[after]

        def put_in_place() -> None:
            if before is not None:
                before.result()
            file.finish(metadata)

        self._later(path, put_in_place)  # raises earlier errors; the file is then discarded on leaving
        del self._files[path]
        self.finished.append(path)

    def abandon(self, path: Path) -> None:
        """Leave nothing behind of a file that was begun."""
        if path in self._files:
            self._later(path, self._files[path].abandon)
            del self._files[path]

    def _later(self, path: Path, call: Callable[[], None], size: int = 0) -> None:
        """Call in a thread, after the earlier calls for this path; if one of these failed, drop the file instead."""
        while self._waiting and (self._waiting[0][0].done() or self._bytes + size > AHEAD_BYTES):
            self._settle_first()
        file, before = self._files[path], self._latest.get(path)

        def call_in_order() -> None:
            try:
                if before is not None:  # it has begun, because threads take calls in order
                    before.result()
                call()
            except BaseException:
                file.abandon()
                raise

        self._latest[path] = self._pool.submit(call_in_order)
        self._waiting.append((self._latest[path], size))
        self._bytes += size

    def _settle_first(self) -> None:
        written, size = self._waiting.popleft()
        self._bytes -= size
        written.result()
