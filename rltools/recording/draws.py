"""Attributions without each block of what was drawn for all steps together: beside them, in files of their own.

`attributions/<key>/draws/000012.parquet` has the steps that `attributions/<key>/000012.parquet` has, and is in its
place before. Only intervals need it, and so nobody else reads it; older recordings do not have it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rltools._util.files import numbered_path
from rltools.errors import CorruptError
from rltools.recording.attribution import AttributionSpec
from rltools.recording.parquet import damage_named, read_blocks, read_metadata
from rltools.recording.read_attribution import folder_identity
from rltools.recording.seal import check_identity, name_damage
from rltools.spaces import Features

if TYPE_CHECKING:
    from rltools.recording._recording import Recording

MOST_NUMBERS = 1 << 15
"""Of one step, 128 kB: of more, say 17 targets of 376 features, they are not kept."""
AT_ONCE = 1 << 20
"""Numbers that are read at once, about, where not all are wanted together."""

Pairs = list[tuple[str, np.ndarray]]


def draws_path(folder: Path, number: int) -> Path:
    """Where the draws of an episode are, given the folder of the attribution."""
    return numbered_path(folder / "draws", number)


def draws_groups(spec: AttributionSpec, features: Features) -> Pairs:
    """What such a file has a number for: the finest rows of any summary, whatever the method tells apart."""
    return replace(spec, separated=()).rows(features)


def draws_columns(
    t: np.ndarray, without: np.ndarray, spec: AttributionSpec, features: Features
) -> Mapping[str, np.ndarray] | None:
    """The columns of such a file; None where there would be too much to keep.

    Args:
        t: int32 `[step]`, which steps of the episode.
        without: float `[step, block, target, *feature]`, the values without each block.
        spec: that they answer.
        features: of the values.
    """
    groups = draws_groups(spec, features)
    if int(np.prod(without.shape[1:3])) * len(groups) > MOST_NUMBERS:
        return None
    flat = without.reshape(*without.shape[:3], features.size)
    if len(groups) < features.size:
        flat = np.stack([flat[..., entries].sum(axis=-1, dtype=np.float64) for _, entries in groups], axis=-1)
    return {"t": t, "without": flat.astype(np.float32)}


def draw_blocks(recording: Recording, key: str, number: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What `read_draws` reads, some steps at a time: which they are, int `[step]`, and `[block, step, target, group]`.

    Nothing where nothing was drawn, or it is not kept.

    Raises:
        CorruptError: the file is damaged, or belongs somewhere else.
    """
    path = draws_path(recording.directory / "attributions" / key, number)
    if not path.is_file():
        return
    check_identity(path, read_metadata(path), recording.identity(number) | folder_identity(recording, key))
    spec, steps = recording.spec(key), recording.outcome(number).steps
    groups, last = draws_groups(spec, recording.features_of(key)), -1
    rows = max(1, AT_ONCE // max(1, 8 * len(spec.labels) * len(groups)))
    for columns in read_blocks(path, ["t", "without"], rows):
        t, without = columns["t"], columns["without"]
        with damage_named(path):
            if without.shape[2:] != (len(spec.labels), len(groups)):
                raise ValueError(f"its rows are of shape {without.shape[1:]}")
            if (np.diff(t, prepend=last) <= 0).any() or t[-1] >= steps:
                raise ValueError(f"its rows are not of {steps} steps in order")
        last = int(t[-1])
        yield t, without.swapaxes(0, 1)


def read_draws(recording: Recording, key: str, number: int) -> np.ndarray | None:
    """The values of one episode without each block of draws: float32 `[block, step, target, group]`.

    Summed over the entries of a region of an image, see `Features.groups`, or of a group that was explained together;
    NaN where a step was not explained. None where nothing was drawn, where it is not kept, and, with a warning, where
    the file is damaged.

    Example:
        >>> import rltools
        >>> from rltools.recording import read_draws
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=2, max_steps=40)
        >>> recording = rltools.explain(recording, policy, method="shapley", references=16)
        >>> read_draws(recording, recording.find("shapley"), 1).shape
        (8, 40, 1, 4)
    """
    whole: np.ndarray | None = None
    try:
        for t, without in draw_blocks(recording, key, number):
            if whole is None:
                steps = recording.outcome(number).steps
                whole = np.full((len(without), steps, *without.shape[2:]), np.nan, np.float32)
            whole[:, t] = without
    except CorruptError as error:
        name_damage(error, stacklevel=4)
        return None
    return whole
