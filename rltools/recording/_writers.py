"""Writing an episode, and its frames, block by block."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rltools.errors import FaultError
from rltools.observations import pick
from rltools.recording._columns import ColumnWriter
from rltools.recording._episode import (
    Episode,
    Outcome,
    episode_metadata,
    nested_observations,
    recorded_leaves,
)
from rltools.recording._files import discard, put_in_place, temporary_name, uninterrupted
from rltools.recording._held import check_there
from rltools.recording._identity import EPISODE_ROWS, NUMBER, RECORDING

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
            f"(frames=True from the start)"
        )


def _objects(frames: list[bytes]) -> np.ndarray:
    column = np.empty(len(frames), dtype=object)
    column[:] = frames
    return column
