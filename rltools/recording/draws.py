"""Leave-one-block-out attributions: the values without each block of random draws, for intervals.

`attributions/<key>/draws/000012.parquet` has the steps of `attributions/<key>/000012.parquet`, and is written before
it. Only intervals need it; older recordings do not have it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from rltools._util.files import numbered_path
from rltools.errors import CorruptError
from rltools.recording._folder import RecordingFolder
from rltools.recording.attribution import AttributionSpec
from rltools.recording.parquet import (
    Part,
    alike,
    damage_as_corrupt,
    joined,
    read_blocks,
    read_columns,
    read_metadata,
    read_part,
    row_count,
)
from rltools.recording.read_attribution import folder_identity, references_path
from rltools.recording.seal import check_identity, warn_of_damage
from rltools.spaces import Features
from rltools.targets.draws import blocks_of_draws

MAX_NUMBERS = 1 << 15
"""Most numbers per step (128 kB) that are stored; for more, say 17 targets and 376 features, nothing is."""
BLOCK_NUMBERS = 1 << 20
"""How many numbers, roughly, are read at a time."""

ORIGIN = "episode"
"""The column of the file of references with the number of the episode in which each was visited; older files lack it,
and so do files of references that the user chose."""

Pairs = list[tuple[str, np.ndarray]]


def draws_path(folder: Path, number: int) -> Path:
    """The file of the draws of an episode, in the folder of an attribution."""
    return numbered_path(folder / "draws", number)


def draws_groups(spec: AttributionSpec, features: Features) -> Pairs:
    """The groups of features that a file of draws has columns for: the finest rows of any summary."""
    return replace(spec, separated=()).rows(features, "elements")


def draws_columns(
    t: np.ndarray, without: np.ndarray, spec: AttributionSpec, features: Features
) -> Mapping[str, np.ndarray] | None:
    """The columns of a file of draws; None if they exceed `MAX_NUMBERS`.

    Args:
        t: int32 `[step]`, the steps of the episode.
        without: float `[step, block, target, *feature]`, the values without each block.
        spec: of the attribution.
        features: of the values.
    """
    groups = draws_groups(spec, features)
    if int(np.prod(without.shape[1:3])) * len(groups) > MAX_NUMBERS:
        return None
    flat = without.reshape(*without.shape[:3], features.size)
    if len(groups) < features.size:
        flat = np.stack([flat[..., members].sum(axis=-1, dtype=np.float64) for _, members in groups], axis=-1)
    return {"t": t, "without": flat.astype(np.float32)}


class DrawReader:
    """Reads the draws of an attribution, after what all its files have in common.

    Args:
        recording: the recording that has the attribution.
        key: the folder name of an attribution in it.

    Raises:
        CorruptError: the spec or the references are damaged.
    """

    def __init__(self, recording: RecordingFolder, key: str) -> None:
        self._recording, spec = recording, recording.spec(key)
        self._folder = recording.directory / "attributions" / key
        self._identity = folder_identity(recording, key)
        self._shape = len(spec.labels), len(draws_groups(spec, recording.features_of(key)))
        self._most = max(1, BLOCK_NUMBERS // max(1, 8 * self._shape[0] * self._shape[1]))

    def blocks(
        self, numbers: Sequence[int], steps: Sequence[int], identities: Sequence[Mapping[str, str]]
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Read the draws of some episodes, block by block; those of short episodes together.

        Args:
            numbers: of the episodes.
            steps: how many steps each of them has.
            identities: the metadata that identifies each of them; see `Recording.identity`.

        Returns:
            For each block the position of the episode of each row, int `[row]`, its step, int `[row]`, and the values
            `[block, row, target, group]`. An episode whose draws are not stored is left out.

        Raises:
            CorruptError: a file is damaged, or belongs somewhere else.
        """
        pending: list[tuple[int, Part]] = []
        rows = 0
        for position, (number, count) in enumerate(zip(numbers, steps, strict=True)):
            path = draws_path(self._folder, number)
            if not path.is_file():
                continue
            if count > self._most:
                yield from self._joined(pending, numbers, steps)
                pending, rows = [], 0
                yield from self._of_long(path, position, count, identities[position])
                continue
            part, metadata = read_part(path, ["t", "without"])
            check_identity(path, metadata, {**identities[position], **self._identity})
            if pending and (rows + count > self._most or not alike(pending[-1][1], part)):
                yield from self._joined(pending, numbers, steps)
                pending, rows = [], 0
            pending.append((position, part))
            rows += count
        yield from self._joined(pending, numbers, steps)

    def read(self, number: int) -> np.ndarray | None:
        """The draws of one episode, as `read_draws`; NaN for steps that were not explained.

        Raises:
            CorruptError: the file is damaged, or belongs somewhere else.
        """
        if not draws_path(self._folder, number).is_file():
            return None
        steps, draws = self._recording.outcome(number).steps, None
        for _, t, without in self.blocks([number], [steps], [self._recording.identity(number)]):
            if draws is None:
                draws = np.full((len(without), steps, *without.shape[2:]), np.nan, np.float32)
            draws[:, t] = without
        return draws

    def _of_long(
        self, path: Path, position: int, steps: int, identity: Mapping[str, str]
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        check_identity(path, read_metadata(path), {**identity, **self._identity})
        last = -1
        for columns in read_blocks(path, ["t", "without"], self._most):
            t, without = columns["t"], columns["without"]
            self._check(path, t, without, steps, last)
            last = int(t[-1])
            yield np.full(len(t), position), t, without.swapaxes(0, 1)

    def _joined(
        self, pending: Sequence[tuple[int, Part]], numbers: Sequence[int], steps: Sequence[int]
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        if not pending:
            return
        lengths = [row_count(part) for _, part in pending]
        columns = joined([part for _, part in pending])
        start = 0
        for (position, _), length in zip(pending, lengths, strict=True):
            own = slice(start, start + length)
            path = draws_path(self._folder, numbers[position])
            with damage_as_corrupt(path):
                t, without = columns["t"][own], columns["without"][own]
            self._check(path, t, without, steps[position], -1)
            start += length
        owners = np.repeat([position for position, _ in pending], lengths)
        yield owners, columns["t"], columns["without"].swapaxes(0, 1)

    def _check(self, path: Path, t: np.ndarray, without: np.ndarray, steps: int, last: int) -> None:
        with damage_as_corrupt(path):
            if without.shape[2:] != self._shape:
                raise ValueError(f"its rows have the shape {without.shape[1:]}")
            if len(t) and (t[0] <= last or (t[1:] <= t[:-1]).any() or t[-1] >= steps):
                raise ValueError(f"its rows are not in the order of {steps} steps")


def draw_origins(recording: RecordingFolder, key: str, blocks: int, numbers: Sequence[int]) -> np.ndarray | None:
    """How many references of each block were visited in each episode; None if that is unknown.

    Args:
        recording: the recording that has the attribution.
        key: the folder name of an attribution in it.
        blocks: how many blocks of draws its files have.
        numbers: the numbers of some episodes.

    Returns:
        float64 `[block, episode]`, with these episodes first, and then the others in which references were visited.
    """
    path = references_path(recording.directory / "attributions" / key)
    episodes = read_columns(path).get(ORIGIN) if path.is_file() else None
    if episodes is None:
        return None
    slices, samples = blocks_of_draws(len(episodes)), recording.spec(key).parameters.get("samples")
    if len(slices) != blocks or (isinstance(samples, int) and samples < len(episodes)):
        return None  # the blocks are of something else, or of some of the references only
    others = sorted({*episodes.tolist()} - {*numbers})
    position = {number: index for index, number in enumerate((*numbers, *others))}
    origins = np.zeros((blocks, len(position)))
    for row, block in zip(origins, slices, strict=True):
        for number in episodes[block].tolist():
            row[position[number]] += 1
    return origins


def read_draws(recording: RecordingFolder, key: str, number: int) -> np.ndarray | None:
    """The values of one episode without each block of draws: float32 `[block, step, target, group]`.

    They are summed over the elements of an image region, see `Features.groups`, or of a group of features; NaN for
    steps that were not explained. None if the method draws nothing, if the draws are not stored, and, with a warning,
    if the file is damaged.

    Example:
        >>> import rltools
        >>> from rltools.recording import read_draws
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=2, max_steps=40)
        >>> recording = rltools.explain(recording, policy, method="shapley", references=16)
        >>> read_draws(recording, recording.find("shapley"), 1).shape
        (8, 40, 1, 4)
    """
    try:
        return DrawReader(recording, key).read(number)
    except CorruptError as error:
        warn_of_damage(error, stacklevel=4)
        return None
