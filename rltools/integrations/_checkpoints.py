"""Finds and claims the recordings of a training run, one folder per number of training steps."""

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
    """The folder of the recording after some number of training steps."""
    return directory / f"step-{step:09d}"


def open_checkpoints(directory: str | Path) -> dict[int, Recording]:
    """Open the recordings that `AttributionCallback` wrote to a folder, by training steps, in order.

    Recordings without attributions, because training was stopped while they were made, are left out.

    Args:
        directory: the folder that was passed to the callback.

    Raises:
        RecordingError: the folder has no recording of a training run.
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
            f"no recording of a training run in {directory}: there is no explained step-000000000 or the like; "
            f"AttributionCallback(..., directory=...) makes them"
        )
    return explained


def checkpoint_folders(directory: Path) -> dict[int, Path]:
    """The folders of a training run's recordings, by training steps, in order; empty if there are none."""
    named = ((_NAME.fullmatch(path.name), path) for path in directory.glob("step-*"))
    return dict(sorted((int(name[1]), path) for name, path in named if name and (path / "recording.json").is_file()))


class FolderClaim:
    """Claims a folder for a training run from its start to its end.

    A callback does not learn that its training ended with an exception. The claim of such a run gives way to the next
    run that wants the folder; the claim of a run that is still going on does not.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = ExitStack()
        self._thread = 0
        self._call: Any = None
        self._model: Any = None

    def begin(self, model: Any, call: Any) -> None:
        """Claim the folder for a training run.

        Args:
            model: the model that is trained.
            call: the local variables of its `learn`, which all callbacks of a run share.

        Raises:
            ConflictError: another training run has it, in this process or in another.
            RecordingError: the folder cannot be written to.
        """
        self._lock.close()
        try:
            self._lock.enter_context(folder_lock(self._directory))
        except ConflictError:
            others = [claim for claim in list(_CLAIMS) if claim._directory.samefile(self._directory)]
            if not others or any(claim._runs(call, model) for claim in others):
                raise
            for claim in others:
                claim.end()
            self._lock.enter_context(folder_lock(self._directory))
        self._thread, self._call, self._model = threading.get_ident(), call, weakref.ref(model)
        _CLAIMS.add(self)

    def end(self) -> None:
        """Release the folder.

        Raises:
            RecordingError: it no longer exists.
        """
        _CLAIMS.discard(self)
        self._call = None
        self._lock.close()

    def _runs(self, call: Any, model: Any) -> bool:
        """Whether the run goes on, as far as another one that starts in this thread can tell."""
        if self._call is call:
            return True
        if self._thread != threading.get_ident():
            return any(thread.ident == self._thread for thread in threading.enumerate())
        own, frame = self._model(), sys._getframe()
        while own is not model and (outer := frame.f_back) is not None:
            frame = outer
            if frame.f_code.co_name == "learn" and frame.f_locals.get("self") is own:
                return True
        return False


_CLAIMS: weakref.WeakSet[FolderClaim] = weakref.WeakSet()
