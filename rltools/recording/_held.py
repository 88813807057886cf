"""Folders that this process writes to, and whether they are still where they were."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rltools.errors import ConflictError, RecordingError

_GUARD = threading.Lock()


@dataclass(frozen=True)
class HeldFolder:
    """A folder that is being written to.

    Attributes:
        path: as it was given.
        purpose: what it is held for; one folder may be held for several.
        descriptor: of the folder itself, wherever it is moved to.
        identity: device and inode.
    """

    path: Path
    purpose: str
    descriptor: int
    identity: tuple[int, int]

    def is_there(self) -> bool:
        """Whether its path still leads to it."""
        try:
            return _identity(self.path.stat()) == self.identity
        except OSError:
            return False

    def now_at(self) -> Path | None:
        """Where it is now, if anywhere; only Linux says."""
        if sys.platform != "linux":
            return None
        with suppress(OSError):
            moved = Path(f"/proc/self/fd/{self.descriptor}").readlink()
            if _identity(moved.stat()) == self.identity:
                return moved
        return None

    def lost(self) -> RecordingError:
        """What to say where it is not there any more."""
        moved = self.now_at()
        rest = (
            f"it is now {moved}, with everything that was finished before"
            if moved is not None
            else "what was finished before went with it"
        )
        return RecordingError(
            f"{self.path} was removed, renamed or replaced while it was being written to: {rest}. Nothing more was "
            f"kept; give the folder its name back and run the same again, or choose another folder"
        )


_HELD: dict[tuple[int, int, str], HeldFolder] = {}


@contextmanager
def held(folder: Path, purpose: str) -> Iterator[HeldFolder]:
    """Hold a folder against other threads and calls of this process; locks of files are between processes.

    Raises:
        ConflictError: this process holds it already.
        OSError: it cannot be opened.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        identity = _identity(os.fstat(descriptor))
        entry = HeldFolder(folder, purpose, descriptor, identity)
        with _GUARD:
            if (*identity, purpose) in _HELD:
                raise ConflictError(
                    f"this process is writing to {folder} already; wait for it, close what writes there, or choose "
                    f"another folder"
                )
            _HELD[*identity, purpose] = entry
        try:
            yield entry
        finally:
            with _GUARD:
                _HELD.pop((*identity, purpose), None)
    finally:
        os.close(descriptor)


def check_there(path: Path) -> None:
    """The folder that is held, and in which a file is to appear, is still the one at its path.

    Raises:
        RecordingError: it was removed, renamed or replaced.
    """
    with _GUARD:
        around = [entry for entry in _HELD.values() if entry.path in path.parents]
    for entry in around:
        if not entry.is_there():
            raise entry.lost()


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
