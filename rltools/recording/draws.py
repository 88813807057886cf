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
from rltools.recording.parquet import damage_as_corrupt, read_blocks, read_columns, read_metadata
from rltools.recording.read_attribution import folder_identity, references_path
from rltools.recording.seal import check_identity, warn_of_damage
from rltools.spaces import Features
from rltools.targets.draws import blocks_of_draws

MAX_NUMBERS = 1 << 15
"""Most numbers per step (128 kB) that are stored; for more, say 17 targets and 376 features, nothing is."""
BLOCK_NUMBERS = 1 << 20
"""How many numbers, roughly, `draw_blocks` reads per block."""

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


def draw_blocks(recording: RecordingFolder, key: str, number: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Read draws block by block, as `read_draws`: the steps, int `[step]`, and values `[block, step, target, group]`.

    Yields nothing if the method draws nothing, or the draws are not stored.

    Raises:
        CorruptError: the file is damaged, or belongs somewhere else.
    """
    path = draws_path(recording.directory / "attributions" / key, number)
    if not path.is_file():
        return
    check_identity(path, read_metadata(path), recording.identity(number) | folder_identity(recording, key))
    spec, steps = recording.spec(key), recording.outcome(number).steps
    groups, last = draws_groups(spec, recording.features_of(key)), -1
    rows = max(1, BLOCK_NUMBERS // max(1, 8 * len(spec.labels) * len(groups)))
    for columns in read_blocks(path, ["t", "without"], rows):
        t, without = columns["t"], columns["without"]
        with damage_as_corrupt(path):
            if without.shape[2:] != (len(spec.labels), len(groups)):
                raise ValueError(f"its rows have the shape {without.shape[1:]}")
            if (np.diff(t, prepend=last) <= 0).any() or t[-1] >= steps:
                raise ValueError(f"its rows are not in the order of {steps} steps")
        last = int(t[-1])
        yield t, without.swapaxes(0, 1)


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
    draws: np.ndarray | None = None
    try:
        for t, without in draw_blocks(recording, key, number):
            if draws is None:
                steps = recording.outcome(number).steps
                draws = np.full((len(without), steps, *without.shape[2:]), np.nan, np.float32)
            draws[:, t] = without
    except CorruptError as error:
        warn_of_damage(error, stacklevel=4)
        return None
    return draws
