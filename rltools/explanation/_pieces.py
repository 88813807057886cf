"""Recorded steps, read in pieces: a part of a long episode, or several short episodes at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rltools.errors import CorruptError
from rltools.recording import Recording
from rltools.recording._columns import read_blocks, read_columns
from rltools.recording._sample import first_sampled


@dataclass(frozen=True)
class Piece:
    """Steps of one episode that are to be explained.

    Attributes:
        number: of the episode.
        t: int32 `[row]`, which steps of it.
        columns: their observations, actions and scores, `[row, ...]`, and what else the policy needs. With a window the
            observations are `[row, lag, ...]`, what was remembered is that before the window, and `before` says how
            many of it would lie before the episode's first.
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
    recording: Recording,
    numbers: Sequence[int],
    names: Sequence[str],
    every: int,
    rows: int,
    most: int,
    lags: int = 0,
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
        lags: the length of a window; 0 for single observations.
    """
    batch: list[Piece] = []
    for number in numbers:
        for piece in _pieces(recording, number, names, every, most, lags):
            batch.append(piece)
            if sum(len(part.t) for part in batch) >= rows:
                yield batch
                batch = []
    if batch:
        yield batch


def _pieces(
    recording: Recording, number: int, names: Sequence[str], every: int, most: int, lags: int
) -> Iterator[Piece]:
    path = recording.episode_path(number)
    start, before = 0, None
    past: dict[str, np.ndarray] = {}
    try:
        recording.outcome(number)  # or it is another episode in this one's place
        for block in read_blocks(path, names, most):
            if before is not None:
                yield before
            read = len(block["score"])
            chosen = np.arange((first_sampled(number, every) - start) % every, read, every)
            if lags:
                past, kept = _windows(past, block, chosen, start, lags)
            else:
                kept = block if every == 1 else {name: values[chosen] for name, values in block.items()}
            before = Piece(number, (start + chosen).astype(np.int32), kept, read, last=False)
            start += read
        if before is None:
            kept = read_columns(path, names)
            if lags:
                kept = _windows({}, kept, np.arange(0), 0, lags)[1]
            before = Piece(number, np.zeros(0, np.int32), kept, 0, last=False)
    except CorruptError as damage:
        yield Piece(number, np.zeros(0, np.int32), {}, 0, last=True, damage=damage)
        return
    yield Piece(before.number, before.t, before.columns, before.read, last=True)


def _windows(
    past: dict[str, np.ndarray], block: dict[str, np.ndarray], chosen: np.ndarray, start: int, lags: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The last rows of a block, which the next one's windows reach back to, and the windows of its chosen rows."""
    rows, going_on, kept = len(block["score"]), {}, {}
    for name, values in block.items():
        if not name.startswith("observation") and name != "state":
            kept[name] = values[chosen]
            continue
        # Before the episode's first observation there is none: a copy of it stands there, which nothing looks at.
        behind = past[name] if past else values[:1].repeat(lags - 1, axis=0)
        reached = np.concatenate([behind, values])
        going_on[name] = reached[rows:]
        windows = chosen[:, None] + np.arange(lags)
        kept[name] = reached[chosen] if name == "state" else reached[windows]
    kept["before"] = np.maximum(0, lags - 1 - (start + chosen)).astype(np.int64)
    return going_on, kept
