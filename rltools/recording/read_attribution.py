"""Reads the attributions of several episodes from the files that `explain` wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from rltools._util.files import numbered_path
from rltools.errors import CorruptError, RecordingError
from rltools.recording._folder import RecordingFolder
from rltools.recording.attribution import Attribution
from rltools.recording.episode import outcome_in
from rltools.recording.parquet import CONTENT, damage_as_corrupt, read_columns, read_file, read_metadata
from rltools.recording.seal import (
    ATTRIBUTION_SPEC,
    EPISODE_ROWS,
    NUMBER,
    RECORDING,
    REFERENCE_ROWS,
    check_identity,
    warn_of_damage,
)
from rltools.recording.specs import request_text

Columns = dict[str, np.ndarray]


def read_attribution(recording: RecordingFolder, key: str, episodes: Sequence[int], *, skip: bool) -> Attribution:
    """The attributions with this key, for episodes with the given numbers, one after another.

    Args:
        recording: the recording that has them.
        key: the name of their folder.
        episodes: the numbers of the episodes.
        skip: whether a damaged episode is left out, with a warning, instead of raising. A damaged file of attributions
            always becomes NaN, with a warning.

    Raises:
        UnknownNameError: no such attribution, or no such episode.
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
            warn_of_damage(error, stacklevel=4)
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
    """The file of an attribution's references."""
    return folder / "reference.parquet"


def folder_identity(recording: RecordingFolder, key: str) -> dict[str, str]:
    """The metadata by which all files of an attribution identify its spec and its references.

    Raises:
        CorruptError: `attribution.json` or the references are damaged.
    """
    references = references_path(recording.directory / "attributions" / key)
    rows = read_metadata(references).get(CONTENT, "") if references.is_file() else ""
    return {ATTRIBUTION_SPEC: recording.spec_seal(key), REFERENCE_ROWS: rows}


def _episode_rows(
    recording: RecordingFolder, folder: Path, number: int, identity: dict[str, str]
) -> tuple[int, Columns]:
    """The number of steps of an episode, and its attributions; without columns if their file is damaged."""
    episode, path = recording.episode_path(number), numbered_path(folder, number)
    metadata = read_metadata(episode)
    outcome = outcome_in(episode, metadata, recording.seal)
    if not path.is_file():
        recording.episode(number)  # raises if it is damaged, and therefore never explained
        raise not_explained(recording, folder.name, number)
    of_episode = {RECORDING: recording.seal, NUMBER: f"{number:06d}", EPISODE_ROWS: metadata.get(CONTENT, "")}
    return outcome.steps, rows_or_warning(path, outcome.steps, of_episode | identity)


def not_explained(recording: RecordingFolder, key: str, number: int) -> RecordingError:
    """The error for an episode without a file of attributions."""
    return RecordingError(
        f"episode {number} of {recording.directory} is not explained yet by {request_text(recording.spec(key))}; run "
        f"explain again with these to carry on"
    )


def rows_or_warning(path: Path, steps: int, identity: dict[str, str]) -> Columns:
    """The columns of `read_rows`; of a damaged file none, with a warning."""
    try:
        return read_rows(path, steps, identity)
    except CorruptError as error:
        warn_of_damage(error, stacklevel=6)
        return {}


def read_rows(path: Path, steps: int, identity: dict[str, str]) -> Columns:
    """The columns of one episode's attributions, a row per step; a step that was not explained is a gap.

    Raises:
        CorruptError: the file is damaged, belongs somewhere else, or its references are missing.
    """
    columns, metadata = read_file(path)
    check_belongs(path, metadata, identity)
    with damage_as_corrupt(path):
        rows = columns.pop("t")
        if missing := {"values", "scores"} - columns.keys():
            raise KeyError(min(missing))
        if misplaced(rows, np.zeros(len(rows), np.int64), np.array([steps])).any():
            raise ValueError(f"its rows are not in the order of {steps} steps")
    if len(rows) == steps:
        return columns
    full = {name: gap(steps, part) for name, part in columns.items()}
    for name, part in columns.items():
        full[name][rows] = part
    return full


def check_belongs(path: Path, metadata: Mapping[str, str], identity: Mapping[str, str]) -> None:
    """Check that a file of attributions belongs to its episode, its spec and its references.

    Raises:
        CorruptError: it belongs elsewhere, or its references are missing.
    """
    check_identity(path, metadata, identity)
    if metadata.get(REFERENCE_ROWS) and not identity[REFERENCE_ROWS]:
        raise CorruptError(
            f"{references_path(path.parent)} is missing, which holds the references of {path.name} beside it; put it "
            f"back, or delete the folder and explain again"
        )


def misplaced(t: np.ndarray, owners: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Bool `[row]`: whether a row is not after the one before, or not within its episode.

    Args:
        t: int `[row]`, the step of each row in its episode.
        owners: int `[row]`, the position of its episode.
        steps: int `[episode]`, how many steps each episode has.
    """
    wrong: np.ndarray = (t < 0) | (t >= steps[owners])
    wrong[1:] |= (np.diff(t) <= 0) & (owners[1:] == owners[:-1])
    return wrong


def join_rows(parts: Sequence[tuple[int, Columns]], targets: int, shape: tuple[int, ...]) -> Columns:
    """The columns of all episodes, one after another; a column that an episode lacks is a gap.

    Args:
        parts: for each episode its number of steps, and the columns of `read_rows`; without columns if damaged.
        targets: the number of explained scalars.
        shape: of the features.
    """
    like = {"values": np.zeros((0, targets, *shape), np.float32), "scores": np.zeros((0, targets), np.float32)}
    for _, columns in parts:
        like |= columns
    if len(parts) == 1 and parts[0][1]:
        return parts[0][1]  # without a copy, which would take memory for a long one
    return {
        name: np.concatenate(
            [empty[:0], *(columns[name] if name in columns else gap(steps, empty) for steps, columns in parts)]
        )
        for name, empty in like.items()
    }


def gap(steps: int, like: np.ndarray) -> np.ndarray:
    """Rows for steps without attributions: NaN, or True in a boolean column, in which False marks a broken promise."""
    return np.full((steps, *like.shape[1:]), True if like.dtype == np.bool_ else np.nan, like.dtype)
