"""The recordings of a training: a folder for each number of steps."""

from __future__ import annotations

import re
from pathlib import Path

from rltools.errors import RecordingError
from rltools.recording import Recording, open_recording

_NAME = re.compile(r"step-([0-9]{9,})")


def checkpoint_path(directory: Path, step: int) -> Path:
    """Where the recording after so many steps of training is."""
    return directory / f"step-{step:09d}"


def open_checkpoints(directory: str | Path) -> dict[int, Recording]:
    """The recordings that `AttributionCallback` kept in a folder, by steps of training, in order.

    Those that were not explained, because training was stopped meanwhile, are left out.

    Args:
        directory: as it was given to the callback.

    Raises:
        RecordingError: no recording of a training is there.
        FormatError: a newer version of rltools wrote one.
        CorruptError: a `recording.json` is damaged.

    Example:
        >>> from rltools.integrations import open_checkpoints
        >>> recordings = open_checkpoints("runs/training")  # doctest: +SKIP
    """
    found = checkpoints_in(Path(directory))
    if not found:
        raise RecordingError(
            f"no recording of a training in {directory}: there is no explained step-000000000 or the like; "
            f"AttributionCallback(..., directory=...) makes them"
        )
    return found


def checkpoints_in(directory: Path) -> dict[int, Recording]:
    """The same; empty where there are none."""
    named = ((_NAME.fullmatch(path.name), path) for path in directory.glob("step-*"))
    steps = sorted((int(name[1]), path) for name, path in named if name and (path / "recording.json").is_file())
    opened = {step: open_recording(path) for step, path in steps}
    return {step: recording for step, recording in opened.items() if recording.questions}
