"""Searches every file of a recording for damage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from rltools._util.files import numbered, numbered_path
from rltools.errors import CorruptError, FormatError, UnknownNameError
from rltools.recording._folder import RecordingFolder
from rltools.recording._header import read_header
from rltools.recording.draws import DrawReader, draws_path
from rltools.recording.parquet import CONTENT, read_blocks, read_metadata
from rltools.recording.read_attribution import folder_identity, read_rows, references_path
from rltools.recording.seal import ABLATION, BATCH, NUMBER, RECORDING, VISITED_ROWS, check_identity
from rltools.recording.sealed_json import SEALED_FORMAT, read_json
from rltools.recording.specs import read_spec, spec_path

BLOCK_ROWS = 1024


def damage_in(recording: RecordingFolder) -> dict[Path, str]:
    """Every file that cannot be read or is not where it belongs, and why; unfinished files do not count."""
    damage = {}
    for path, check in _checks(recording):
        try:
            check()
        except (CorruptError, FormatError) as error:
            damage[path] = str(error)
    return damage


def _checks(recording: RecordingFolder) -> Iterator[tuple[Path, Callable[[], object]]]:
    """Each file, and a call that raises if it is damaged."""
    directory = recording.directory
    yield directory / "recording.json", partial(read_header, directory / "recording.json")
    for number in recording.numbers:
        yield recording.episode_path(number), partial(check_episode, recording, number)
    for number in numbered(directory / "frames"):
        path = numbered_path(directory / "frames", number)
        yield path, partial(_check_frames, recording, path, number)
    for folder in sorted(path for path in directory.glob("attributions/*/") if path.is_dir()):
        spec, references = spec_path(directory, folder.name), references_path(folder)
        if spec.is_file():
            yield spec, partial(read_spec, spec)
        if references.is_file():
            yield references, partial(_check_rows, references)
        for number in numbered(folder):
            path = numbered_path(folder, number)
            yield path, partial(_check_attributions, recording, path, number)
        for number in numbered(folder / "draws"):
            yield draws_path(folder, number), partial(_check_draws, recording, folder, number)
    for folder in sorted(path for path in directory.glob("ablations/*/") if path.is_dir()):
        yield from _ablation_checks(recording, folder)


def _ablation_checks(recording: RecordingFolder, folder: Path) -> Iterator[tuple[Path, Callable[[], object]]]:
    """The same for the folder of an ablation, whose files name each other by their seals."""
    spec, visited = folder / "ablation.json", folder / "visited.parquet"
    identity = {RECORDING: recording.seal}
    if spec.is_file():
        yield spec, partial(_json_seal, spec)
        with suppress(CorruptError, FormatError):  # reported above
            identity[ABLATION] = _json_seal(spec)
    if visited.is_file():
        yield visited, partial(_check_ablation_file, visited, identity)
        with suppress(CorruptError):
            identity[VISITED_ROWS] = read_metadata(visited).get(CONTENT, "")
    for number in numbered(folder):
        path = numbered_path(folder, number)
        yield path, partial(_check_ablation_file, path, identity | {BATCH: f"{number:06d}"})


def _json_seal(path: Path) -> str:
    return read_json(path, lambda content: content, formats_began=SEALED_FORMAT)[1]


def _check_ablation_file(path: Path, identity: Mapping[str, str]) -> None:
    _check_rows(path)
    check_identity(path, read_metadata(path), identity)


def check_episode(recording: RecordingFolder, number: int) -> None:
    """Read the whole file of an episode.

    Raises:
        CorruptError: it is damaged.
    """
    _check_rows(recording.episode_path(number), recording.outcome(number).steps)


def _check_rows(path: Path, steps: int | None = None) -> None:
    """Read a whole file, block by block: an episode need not fit into memory."""
    rows = sum(len(next(iter(block.values()))) for block in read_blocks(path, None, BLOCK_ROWS))
    if steps is not None and rows != steps:
        raise CorruptError(f"{path} is damaged (it has {rows} rows for {steps} steps)")


def _check_frames(recording: RecordingFolder, path: Path, number: int) -> None:
    _check_rows(path, _steps(recording, number))
    check_identity(path, read_metadata(path), _identity(recording, number))


def _check_attributions(recording: RecordingFolder, path: Path, number: int) -> None:
    _check_rows(path)
    identity = _identity(recording, number)
    check_identity(path, read_metadata(path), identity)
    steps = _steps(recording, number)
    if steps is not None and spec_path(recording.directory, path.parent.name).is_file():
        try:
            identity |= folder_identity(recording, path.parent.name)
        except (CorruptError, FormatError):
            return  # that file is reported itself
        read_rows(path, steps, identity)


def _check_draws(recording: RecordingFolder, folder: Path, number: int) -> None:
    path = draws_path(folder, number)
    _check_rows(path)
    check_identity(path, read_metadata(path), _identity(recording, number))
    if _steps(recording, number) is not None and spec_path(recording.directory, folder.name).is_file():
        try:
            folder_identity(recording, folder.name)
        except (CorruptError, FormatError):
            return  # that file is reported itself
        DrawReader(recording, folder.name).read(number)


def _steps(recording: RecordingFolder, number: int) -> int | None:
    """The length of an episode; None if it is missing, or damaged, which is reported separately."""
    try:
        return recording.outcome(number).steps if number in recording.numbers else None
    except CorruptError:
        return None


def _identity(recording: RecordingFolder, number: int) -> dict[str, str]:
    """The identity that a file of an episode should have, as far as it is known without the episode's own file."""
    try:
        return recording.identity(number)
    except (CorruptError, UnknownNameError):
        return {RECORDING: recording.seal, NUMBER: f"{number:06d}"}
