"""Opening a folder as a recording."""

from __future__ import annotations

from pathlib import Path

from rltools.errors import RecordingError
from rltools.recording._given import as_path
from rltools.recording._header import read_header
from rltools.recording._recording import Recording


def open_recording(path: str | Path) -> Recording:
    """Open the recording in a folder, without reading its episodes.

    Raises:
        ArgumentError: something that is no path.
        RecordingError: there is none, or the system does not let us read it.
        FormatError: a newer version of rltools wrote it.
        CorruptError: its `recording.json` is damaged.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=2, directory="runs/poles")
        >>> rltools.open_recording("runs/poles")
        Recording('runs/poles': 2 episodes of cartpole-ppo in CartPole-v1, explained: nothing)
    """
    directory = as_path(path, "the folder of a recording")
    path = directory / "recording.json"
    if not _is_file(path):
        usual = Path("runs") / directory
        next_step = f"did you mean {usual}?" if _is_file(usual / path.name) else "`rltools record` makes one"
        raise RecordingError(f"no recording in {directory}: {path.name} is missing; {next_step}")
    header, seal = read_header(path)
    return Recording(directory, header, seal=seal)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError) as error:  # a name that is too long, or that no system takes
        cause = getattr(error, "strerror", None) or error
        name = str(path.parent)[:200]
        raise RecordingError(f"cannot open {name!r}: {cause}; name the folder of a recording") from error
