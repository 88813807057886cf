"""The attributions of many episodes, one after another, from the files that `explain` wrote."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rltools._util.files import numbered_path
from rltools.errors import CorruptError, RecordingError
from rltools.recording.attribution import Attribution
from rltools.recording.parquet import CONTENT, damage_named, read_columns, read_file, read_metadata
from rltools.recording.seal import ATTRIBUTION_SPEC, REFERENCE_ROWS, check_identity, name_damage
from rltools.recording.specs import requested_again

if TYPE_CHECKING:
    from rltools.recording._recording import Recording

Columns = dict[str, np.ndarray]


def read_attribution(recording: Recording, key: str, episodes: Sequence[int], *, skip: bool) -> Attribution:
    """The attributions in the folder of this name, for episodes of some numbers.

    Args:
        recording: that they were added to.
        key: the name of the folder.
        episodes: their numbers.
        skip: leave out a damaged episode, named in a warning. A damaged file of attributions is always named in one,
            and there is NaN in its place.

    Raises:
        UnknownNameError: no such folder, or no such episode.
        RecordingError: an episode is not explained yet.
        CorruptError: an episode is damaged and not skipped, or `attribution.json` is damaged.
    """
    spec, features = recording.spec(key), recording.features_of(key)
    folder = recording.directory / "attributions" / key
    references = references_path(folder)
    identity = folder_identity(recording, key)
    parts = []
    for number in episodes:
        try:
            parts.append(_episode_rows(recording, folder, number, identity))
        except CorruptError as error:
            if not skip:
                raise
            name_damage(error, stacklevel=4)
    joined = join_rows(parts, len(spec.labels), features.shape)
    return Attribution(
        values=joined["values"],
        scores=joined["scores"],
        spec=spec,
        features=features,
        residual=joined.get("residual"),
        standard_error=joined.get("standard_error"),
        complete=joined.get("complete"),
        clipped=joined.get("clipped"),
        references=read_columns(references)["reference"] if references.is_file() else None,
    )


def references_path(folder: Path) -> Path:
    """Where an attribution keeps the states that features were compared with."""
    return folder / "reference.parquet"


def folder_identity(recording: Recording, key: str) -> dict[str, str]:
    """What all files of an attribution say of where they belong.

    Raises:
        CorruptError: `attribution.json` or the references are damaged.
    """
    references = references_path(recording.directory / "attributions" / key)
    states = read_metadata(references).get(CONTENT, "") if references.is_file() else ""
    return {ATTRIBUTION_SPEC: recording.spec_seal(key), REFERENCE_ROWS: states}


def _episode_rows(recording: Recording, folder: Path, number: int, identity: dict[str, str]) -> tuple[int, Columns]:
    """An episode's steps and the attributions of each; none of a damaged file."""
    steps = recording.outcome(number).steps
    path = numbered_path(folder, number)
    if not path.is_file():
        recording.episode(number)  # a damaged one is never explained, and is named here
        raise RecordingError(
            f"episode {number} of {recording.directory} is not explained yet by "
            f"{requested_again(recording.spec(folder.name))}; run explain again with these to carry on"
        )
    try:
        return steps, read_rows(path, steps, recording.identity(number) | identity)
    except CorruptError as error:
        name_damage(error, stacklevel=5)
        return steps, {}


def read_rows(path: Path, steps: int, identity: dict[str, str]) -> Columns:
    """The columns of one episode's attributions, a row for each of its steps, a gap where one was not explained.

    Raises:
        CorruptError: the file is damaged, belongs somewhere else, or its references are missing.
    """
    columns, metadata = read_file(path)
    check_identity(path, metadata, identity)
    if metadata.get(REFERENCE_ROWS) and not identity[REFERENCE_ROWS]:
        raise CorruptError(
            f"{references_path(path.parent)} is missing, and {path.name} beside it compares with the states in it; put "
            f"it back, or delete the folder and explain again"
        )
    with damage_named(path):
        rows = columns.pop("t")
        if missing := {"values", "scores"} - columns.keys():
            raise KeyError(min(missing))
        if len(rows) and (rows[0] < 0 or rows[-1] >= steps or (np.diff(rows) <= 0).any()):
            raise ValueError(f"its rows are not of {steps} steps in order")
    if len(rows) == steps:
        return columns
    full = {name: _gap(steps, part) for name, part in columns.items()}
    for name, part in columns.items():
        full[name][rows] = part
    return full


def join_rows(parts: Sequence[tuple[int, Columns]], targets: int, shape: tuple[int, ...]) -> Columns:
    """Columns of all episodes one after another, a gap where an episode lacks one that others have.

    Args:
        parts: for each episode its steps, and the columns that `read_rows` gave; none of a damaged file.
        targets: how many scalars were explained.
        shape: of the features.
    """
    like = {"values": np.zeros((0, targets, *shape), np.float32), "scores": np.zeros((0, targets), np.float32)}
    for _, columns in parts:
        like |= columns
    if len(parts) == 1 and parts[0][1]:
        return parts[0][1]  # a long one need not be there twice
    return {
        name: np.concatenate(
            [one[:0], *(columns[name] if name in columns else _gap(steps, one) for steps, columns in parts)]
        )
        for name, one in like.items()
    }


def _gap(steps: int, like: np.ndarray) -> np.ndarray:
    """NaN for so many steps; where booleans say whether a promise was kept, a step without any breaks none."""
    return np.full((steps, *like.shape[1:]), True if like.dtype == np.bool_ else np.nan, like.dtype)
