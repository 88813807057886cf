"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rltools.errors import ConflictError, RecordingError

_TEMPORARY = ".unfinished-"
_UNFINISHED: set[Path] = set()
_ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`; the file takes its place once the block has ended without an error.

    Raises:
        RecordingError: the disk is full, or the folder cannot be written to.
    """
    temporary = temporary_name(path)
    try:
        yield temporary
        put_in_place(temporary, path)
    except BaseException:
        discard(temporary)
        raise


def put_in_place(temporary: Path, path: Path) -> None:
    """Give a finished temporary file its name, once its content is on the disk.

    Raises:
        RecordingError: the folder that is being written to is not there any more.
    """
    check_there(path)
    descriptor = os.open(temporary, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(path)
    _UNFINISHED.discard(temporary)


def temporary_name(path: Path) -> Path:
    """Where the content of `path` is collected until it is whole."""
    temporary = path.with_name(f"{_TEMPORARY}{path.name}")
    _UNFINISHED.add(temporary)
    return temporary


def discard(temporary: Path) -> None:
    """Remove a temporary file, if it is there; what made its writing fail is what is to be said, not what fails now."""
    with suppress(OSError):
        temporary.unlink(missing_ok=True)
    _UNFINISHED.discard(temporary)


def remove_unfinished() -> None:
    """Remove the temporary files of everything that this process writes: it ends now."""
    for temporary in list(_UNFINISHED):
        discard(temporary)


@contextmanager
def os_errors_as(folder: Path) -> Iterator[None]:
    """Say in one line that a folder cannot be written to, and why; nothing that is there is touched.

    Raises:
        RecordingError: in place of OSError.
    """
    try:
        yield
    except OSError as error:
        raise RecordingError(
            f"cannot write to {folder}: {error.strerror or error}; what was finished before is intact. "
            f"Make room, or choose another folder"
        ) from error


def unfinished_in(folder: Path) -> list[Path]:
    """The temporary files in a folder."""
    return list(folder.glob(f"{_TEMPORARY}*"))


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C and the like wait until the block has ended, so that a write that has begun is finished."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Those that raise something here; others end the process at once, or are ignored, as in the background.
    handlers = {number: handler for number in _ENDING if callable(handler := signal.getsignal(number))}
    arrived: list[tuple[int, FrameType | None]] = []
    for number in handlers:
        signal.signal(number, lambda number, frame: arrived.append((number, frame)))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for number, frame in arrived[:1]:
        handlers[signal.Signals(number)](number, frame)


def numbered(folder: Path) -> tuple[int, ...]:
    """The numbers of the files `000012.parquet` in a folder, in order; the listing is the truth."""
    if not folder.is_dir():
        return ()
    found = [int(path.stem) for path in folder.glob("*.parquet") if path.stem.isascii() and path.stem.isdigit()]
    return tuple(sorted(number for number in found if numbered_path(folder, number).is_file()))


def numbered_path(folder: Path, number: int) -> Path:
    """Where the file of this number is."""
    return folder / f"{number:06d}.parquet"


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
