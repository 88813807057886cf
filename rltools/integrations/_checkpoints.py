"""The recordings of a training: a folder for each number of steps."""

from __future__ import annotations

import re
from pathlib import Path

from rltools.errors import RecordingError
from rltools.recording import Recording, as_path, open_recording

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
        >>> import rltools
        >>> from stable_baselines3 import PPO
        >>> callback = rltools.AttributionCallback("CartPole-v1", every=128, episodes=2, directory="runs/training")
        >>> model = PPO("MlpPolicy", "CartPole-v1", n_steps=128, seed=0).learn(128, callback=callback)
        >>> list(rltools.open_checkpoints("runs/training"))
        [0, 128]
    """
    opened = {step: open_recording(path) for step, path in checkpoint_folders(as_path(directory, "directory")).items()}
    explained = {step: recording for step, recording in opened.items() if recording.questions}
    if not explained:
        raise RecordingError(
            f"no recording of a training in {directory}: there is no explained step-000000000 or the like; "
            f"AttributionCallback(..., directory=...) makes them"
        )
    return explained


def checkpoint_folders(directory: Path) -> dict[int, Path]:
    """Where the recordings of a training are, by its steps, in order; empty where there are none."""
    named = ((_NAME.fullmatch(path.name), path) for path in directory.glob("step-*"))
    return dict(sorted((int(name[1]), path) for name, path in named if name and (path / "recording.json").is_file()))
