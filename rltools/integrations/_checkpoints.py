"""The recordings of a training: a folder for each number of steps."""

from __future__ import annotations

import re
import sys
import threading
import weakref
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rltools._util.lock import folder_lock
from rltools.errors import ConflictError, RecordingError
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
    explained = {step: recording for step, recording in opened.items() if recording.specs}
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


class FolderClaim:
    """Holds a folder for a training from its start to its end.

    Nothing tells a callback that its training ended by an exception. A claim of such a training gives way to the next
    one that wants the folder; that of a training that still runs does not.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._held = ExitStack()
        self._thread = 0
        self._call: Any = None
        self._model: Any = None

    def begin(self, model: Any, call: Any) -> None:
        """Claim the folder for a training.

        Args:
            model: that learns.
            call: the local variables of its `learn`, which all callbacks of one training share.

        Raises:
            ConflictError: another training that runs has it, in this process or in another.
            RecordingError: the folder cannot be written to.
        """
        self._held.close()
        try:
            self._held.enter_context(folder_lock(self._directory))
        except ConflictError:
            over = [claim for claim in list(_CLAIMS) if claim._directory.samefile(self._directory)]
            if not over or any(claim._runs(call, model) for claim in over):
                raise
            for claim in over:
                claim.end()
            self._held.enter_context(folder_lock(self._directory))
        self._thread, self._call, self._model = threading.get_ident(), call, weakref.ref(model)
        _CLAIMS.add(self)

    def end(self) -> None:
        """Give the folder back.

        Raises:
            RecordingError: it is not there any more.
        """
        _CLAIMS.discard(self)
        self._call = None
        self._held.close()

    def _runs(self, call: Any, model: Any) -> bool:
        """Whether the training has not ended yet, as far as another one, which begins in this thread, can tell."""
        if self._call is call:
            return True
        if self._thread != threading.get_ident():
            return any(thread.ident == self._thread for thread in threading.enumerate())
        mine, frame = self._model(), sys._getframe()
        while mine is not model and (outer := frame.f_back) is not None:
            frame = outer
            if frame.f_code.co_name == "learn" and frame.f_locals.get("self") is mine:
                return True
        return False


_CLAIMS: weakref.WeakSet[FolderClaim] = weakref.WeakSet()
