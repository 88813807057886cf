"""Writing an episode, and its frames, block by block."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from rltools._util.files import check_there, discard, put_in_place, temporary_name, uninterrupted
from rltools.errors import FaultError, argument
from rltools.recording.episode import (
    Episode,
    Outcome,
    episode_metadata,
    nested_observations,
    recorded_leaves,
)
from rltools.recording.parquet import ColumnWriter
from rltools.recording.seal import EPISODE_ROWS, NUMBER, RECORDING
from rltools.spaces.leaves import pick

Columns = Mapping[str, np.ndarray]


class BlockFile:
    """A file of columns that appears whole, once `finish` is called, or not at all."""

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
        """What tells the rows so far from any others; "" before there are columns."""
        return "" if self._writer is None else self._writer.content

    def write(self, columns: Columns) -> None:
        """Append a block of rows; blocks without rows fix the columns' types only."""
        if self._writer is None:
            check_there(self._path)
            self._path.parent.mkdir(exist_ok=True)  # a run's own folder that is gone is not made anew
            self._writer = ColumnWriter(self._temporary, columns)
        self._writer.write(columns)

    def finish(self, metadata: Mapping[str, str]) -> None:
        """Put the file in its place, or leave nothing behind; Ctrl-C waits for it."""
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
    """Keeps an episode, and its frames where there are any."""

    def __init__(self, episode: Path, frames: Path | None, recording: str = "") -> None:
        """Prepare; `recording` is the seal of the recording that the episode is of."""
        self._episode = BlockFile(episode)
        self._frames = BlockFile(frames) if frames else None
        self._recording = {RECORDING: recording}

    @property
    def content(self) -> str:
        """What tells the rows so far from any others."""
        return self._episode.content

    def write(self, columns: Columns, frames: list[bytes]) -> None:
        """Append a block of steps, with a frame for each where frames are kept."""
        self._episode.write(columns)
        if self._frames:
            self._frames.write({"frame": _objects(frames)})

    def finish(self, outcome: Outcome, final_observation: Mapping[str, Any] | None, frames_per_second: float) -> None:
        """Put the files in their place, the frames first: an episode that is there is complete."""
        if self._frames:
            belongs = {NUMBER: f"{outcome.number:06d}", EPISODE_ROWS: self._episode.content}
            self._frames.finish({"frames_per_second": str(frames_per_second), **self._recording, **belongs})
        self._episode.finish(episode_metadata(outcome, final_observation) | self._recording)

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._episode.abandon()
        if self._frames:
            self._frames.abandon()


class FrameWriter:
    """Adds frames to an episode that is already there, after checking that it happened again exactly."""

    def __init__(self, episode: Episode, frames: Path, identity: Mapping[str, str]) -> None:
        """Prepare; `identity` is that of the episode, `Recording.identity`."""
        self._episode = episode
        self._identity = identity
        self._frames = BlockFile(frames)
        self._steps = 0

    def write(self, columns: Columns, frames: list[bytes]) -> None:
        """Append a frame for each step of a block.

        Raises:
            FaultError: the block differs from the recorded one.
        """
        steps = len(columns["reward"])
        now = nested_observations(columns, self._episode.features)
        for leaf in recorded_leaves(self._episode.features):
            recorded = pick(self._episode.observations, leaf)[self._steps : self._steps + steps]
            if not np.array_equal(recorded, pick(now, leaf), equal_nan=recorded.dtype.kind == "f"):
                raise self._another_way()
        self._steps += steps
        self._frames.write({"frame": _objects(frames)})

    def finish(self, outcome: Outcome, final_observation: Mapping[str, Any] | None, frames_per_second: float) -> None:
        """Put the file in its place.

        Raises:
            FaultError: the episode ended earlier than the recorded one.
        """
        if self._steps < len(self._episode):
            raise self._another_way()
        self._frames.finish({"frames_per_second": str(frames_per_second), **self._identity})

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._frames.abandon()

    def _another_way(self) -> FaultError:
        number, seed = self._episode.outcome.number, self._episode.outcome.seed
        return FaultError(
            f"episode {number} went another way when it was stepped again with seed {seed} for its frames: the "
            f"environment is not reproducible from its seed, so frames can only be kept while recording "
            f"({argument('frames', True)} from the start)"
        )


def _objects(frames: list[bytes]) -> np.ndarray:
    column = np.empty(len(frames), dtype=object)
    column[:] = frames
    return column


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
