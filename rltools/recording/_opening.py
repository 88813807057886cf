"""Opening a folder as a recording."""

from __future__ import annotations

from pathlib import Path

from rltools.errors import RecordingError
from rltools.recording._files import read_json
from rltools.recording._header import Header
from rltools.recording._recording import Recording


def open_recording(path: str | Path) -> Recording:
    """Open the recording in a folder, without reading its episodes.

    Raises:
        RecordingError: there is none.
        FormatError: a newer version of rltools wrote it.
        CorruptError: its `recording.json` is damaged.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=2, directory="runs/poles")
        >>> rltools.open_recording("runs/poles")
        Recording('runs/poles': 2 episodes of cartpole-ppo in CartPole-v1, explained: nothing)
    """
    directory = Path(path)
    header = directory / "recording.json"
    if not header.is_file():
        usual = Path("runs") / directory
        there = (usual / header.name).is_file()
        next_step = f"did you mean {usual}?" if there else "`rltools record` makes one"
        raise RecordingError(f"no recording in {directory}: {header.name} is missing; {next_step}")
    return Recording(directory, Header.from_json(read_json(header), header))
