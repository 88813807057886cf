"""Recorded steps, read in pieces: a part of a long episode, or several short episodes at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rltools.errors import CorruptError
from rltools.recording import Recording
from rltools.recording._columns import read_blocks, read_columns


@dataclass(frozen=True)
class Piece:
    """Steps of one episode that are to be explained.

    Attributes:
        number: of the episode.
        t: int32 `[row]`, which steps of it.
        columns: their observations, actions and scores, `[row, ...]`, and what else the policy needs.
        read: how many steps were read, explained or not.
        last: whether the episode ends with it.
        damage: why no more of the episode can be read; None where all is well.
    """

    number: int
    t: np.ndarray
    columns: dict[str, np.ndarray]
    read: int
    last: bool
    damage: CorruptError | None = None


def batches(
    recording: Recording, numbers: Sequence[int], names: Sequence[str], every: int, rows: int, most: int
) -> Iterator[list[Piece]]:
    """Pieces of the episodes of these numbers, in order, `rows` rows or somewhat more together.

    A method's call costs the same for a hundred rows as for one, and a short episode has not many more than that.

    Args:
        recording: whose episodes.
        numbers: of the episodes.
        names: of the columns that are needed.
        every: one step of so many, evenly over all episodes.
        rows: after which a batch is full.
        most: rows of an episode that are read at once.
    """
    batch: list[Piece] = []
    for number in numbers:
        for piece in _pieces(recording.episode_path(number), number, names, every, most):
            batch.append(piece)
            if sum(len(part.t) for part in batch) >= rows:
                yield batch
                batch = []
    if batch:
        yield batch


def _pieces(path: Path, number: int, names: Sequence[str], every: int, most: int) -> Iterator[Piece]:
    start, before = 0, None
    try:
        for block in read_blocks(path, names, most):
            if before is not None:
                yield before
            read = len(block["score"])
            chosen = np.arange(-(start + number) % every, read, every)
            kept = block if every == 1 else {name: values[chosen] for name, values in block.items()}
            before = Piece(number, (start + chosen).astype(np.int32), kept, read, last=False)
            start += read
        if before is None:
            before = Piece(number, np.zeros(0, np.int32), read_columns(path, names), 0, last=False)
    except CorruptError as damage:
        yield Piece(number, np.zeros(0, np.int32), {}, 0, last=True, damage=damage)
        return
    yield Piece(before.number, before.t, before.columns, before.read, last=True)
