"""Attributions without each block of what was drawn for all steps together: beside them, in files of their own.

`attributions/<key>/draws/000012.parquet` has the steps that `attributions/<key>/000012.parquet` has, and is in its
place before. Only intervals need it, and so nobody else reads it; older recordings do not have it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rltools.errors import CorruptError
from rltools.features import Features
from rltools.recording._columns import read_columns
from rltools.recording._files import numbered_path
from rltools.recording._warning import name_damage

if TYPE_CHECKING:
    from rltools.recording._recording import Recording

MOST_NUMBERS = 1 << 15
"""Of one step, 128 kB: of more, say 17 targets of 376 features, they are not kept."""


def draws_path(folder: Path, number: int) -> Path:
    """Where the draws of an episode are, given the folder of the attribution."""
    return numbered_path(folder / "draws", number)


def draws_columns(t: np.ndarray, without: np.ndarray, features: Features) -> Mapping[str, np.ndarray] | None:
    """The columns of such a file; None where there would be too much to keep.

    Args:
        t: int32 `[step]`, which steps of the episode.
        without: float `[step, block, target, *feature]`, the values without each block.
        features: of the values.
    """
    groups = features.groups()
    if int(np.prod(without.shape[1:3])) * len(groups) > MOST_NUMBERS:
        return None
    flat = without.reshape(*without.shape[:3], features.size)
    if len(groups) < features.size:
        flat = np.stack([flat[..., entries].sum(axis=-1, dtype=np.float64) for _, entries in groups], axis=-1)
    return {"t": t, "without": flat.astype(np.float32)}


def read_draws(recording: Recording, key: str, number: int) -> np.ndarray | None:
    """The values of one episode without each block of draws: float32 `[block, step, target, group]`.

    Summed over the entries of a region of an image, see `Features.groups`; NaN where a step was not explained. None
    where nothing was drawn, where it is not kept, and, with a warning, where the file is damaged.
    """
    path = draws_path(recording.directory / "attributions" / key, number)
    if not path.is_file():
        return None
    try:
        columns, steps = read_columns(path), recording.outcome(number).steps
    except CorruptError as error:
        name_damage(error, stacklevel=4)
        return None
    without = np.full((steps, *columns["without"].shape[1:]), np.nan, np.float32)
    without[columns["t"]] = columns["without"]
    return without.swapaxes(0, 1)
