"""Writes files that appear whole or not at all, and guards a folder against two writers in one process."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from uuid import uuid4

from rltools.errors import BusyError, RecordingError

_TEMPORARY = ".unfinished-"
_WINDOWS = sys.platform == "win32"
_PATIENCE = (0.01, 0.03, 0.1, 0.3, 1.0)
"""Seconds to wait for another process before a file is renamed again."""
DIGITS = 8
"""Random digits in the name of a temporary file."""
_UNFINISHED: set[Path] = set()
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
"""Those that people and schedulers send to a process that is to end."""
_ENDING = [getattr(signal, name) for name in SIGNALS if hasattr(signal, name)]


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; the file takes its final name when the block ends without an error.

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
    """Give a finished temporary file its final name, after its content is on disk.

    Raises:
        RecordingError: the folder that is being written to does not exist any more.
    """
    check_in_place(path)
    to_disk(temporary)
    _replace(temporary, path)
    _UNFINISHED.discard(temporary)


def _replace(temporary: Path, path: Path) -> None:
    """Rename onto what may exist; Windows refuses while another process reads the old file or scans the new one."""
    for seconds in _PATIENCE if _WINDOWS else ():
        try:
            temporary.replace(path)
        except PermissionError:
            time.sleep(seconds)
        else:
            return
    temporary.replace(path)


def to_disk(path: Path) -> None:
    """Wait until the content of a file is on disk.

    Raises:
        OSError: it cannot be written to.
    """
    descriptor = os.open(path, os.O_RDWR)  # Windows refuses to flush what is open for reading only
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def temporary_name(path: Path) -> Path:
    """A path at which the content of `path` is written until it is complete; no other process writes there."""
    temporary = path.with_name(f"{_TEMPORARY}{uuid4().hex[:DIGITS]}-{path.name}")
    _UNFINISHED.add(temporary)
    return temporary


def discard(temporary: Path) -> None:
    """Remove a temporary file if it exists; errors are ignored, because the one that led here is to be reported."""
    with suppress(OSError):
        temporary.unlink(missing_ok=True)
    _UNFINISHED.discard(temporary)


def remove_unfinished() -> None:
    """Remove all temporary files of this process, which is about to end."""
    for temporary in list(_UNFINISHED):
        discard(temporary)


@contextmanager
def os_errors_as(folder: Path) -> Iterator[None]:
    """Turn an OSError into one line that says which folder cannot be written to, and why.

    Raises:
        RecordingError: in place of OSError.
    """
    try:
        yield
    except OSError as error:
        raise RecordingError(
            f"cannot write to {folder}: {error.strerror or error}; files finished before are intact. "
            f"Free some space, or choose another folder"
        ) from error


def unfinished_in(folder: Path) -> list[Path]:
    """The temporary files in a folder."""
    return list(folder.glob(f"{_TEMPORARY}*"))


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Delay Ctrl-C and similar signals until the block has ended, so that a write that has begun is completed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Only handlers in Python can be delayed; other signals end the process immediately or are ignored.
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
    """The numbers of the files `000012.parquet` in a folder, in ascending order."""
    try:
        with os.scandir(folder) as entries:
            files = [entry.name for entry in entries if entry.name.endswith(".parquet") and entry.is_file()]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return ()
    stems = [name.removesuffix(".parquet") for name in files]
    return tuple(
        sorted(int(stem) for stem in stems if stem.isascii() and stem.isdigit() and stem == f"{int(stem):06d}")
    )


def numbered_in(folder: Path) -> set[int]:
    """The same numbers from names alone, for a folder that is listed often while other processes write to it."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        stems = [entry.name.removesuffix(".parquet") for entry in entries if entry.name.endswith(".parquet")]
        return {int(stem) for stem in stems if stem.isascii() and stem.isdigit()}
    return set()


def numbered_path(folder: Path, number: int) -> Path:
    """The path of the file with this number."""
    return folder / f"{number:06d}.parquet"


_GUARD = threading.Lock()


@dataclass(frozen=True)
class OutputFolder:
    """A folder that is being written to.

    Attributes:
        path: of the folder.
        purpose: what is written; a folder may have a writer for each of several purposes.
        descriptor: an open file descriptor of the folder, which stays valid when it is moved; None on Windows, which
            opens no folders.
        identity: device and inode.
    """

    path: Path
    purpose: str
    descriptor: int | None
    identity: tuple[int, int]

    def is_in_place(self) -> bool:
        """Whether the path still leads to this folder."""
        try:
            return _identity(self.path.stat()) == self.identity
        except OSError:
            return False

    def new_path(self) -> Path | None:
        """Where the folder was moved to, if anywhere; known on Linux only."""
        if sys.platform != "linux":
            return None
        with suppress(OSError):
            moved = Path(f"/proc/self/fd/{self.descriptor}").readlink()
            if _identity(moved.stat()) == self.identity:
                return moved
        return None

    def lost(self) -> RecordingError:
        """The error for a folder that is not in its place any more."""
        moved = self.new_path()
        rest = (
            f"it is now {moved}, with all files finished before"
            if moved is not None
            else "files finished before went with it"
        )
        return RecordingError(
            f"{self.path} was removed, renamed or replaced while it was being written to: {rest}. Nothing more was "
            f"kept; give the folder its name back and run the same again, or choose another folder"
        )


_OUTPUTS: dict[tuple[int, int, str], OutputFolder] = {}


@contextmanager
def one_writer(folder: Path, purpose: str) -> Iterator[OutputFolder]:
    """Exclude other writers of this process from a folder; file locks exclude other processes only.

    Raises:
        BusyError: this process is writing to it already.
        OSError: it cannot be opened.
    """
    descriptor = None if _WINDOWS else os.open(folder, os.O_RDONLY)
    try:
        identity = _identity(folder.stat() if descriptor is None else os.fstat(descriptor))
        output = OutputFolder(folder, purpose, descriptor, identity)
        with _GUARD:
            if (*identity, purpose) in _OUTPUTS:
                raise BusyError(
                    f"this process is writing to {folder} already; wait for it, close what writes there, or choose "
                    f"another folder"
                )
            _OUTPUTS[*identity, purpose] = output
        try:
            yield output
        finally:
            with _GUARD:
                _OUTPUTS.pop((*identity, purpose), None)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def has_writer(folder: Path, purpose: str) -> bool:
    """Whether this process is writing to a folder."""
    try:
        identity = _identity(folder.stat())
    except OSError:
        return False
    with _GUARD:
        return (*identity, purpose) in _OUTPUTS


def check_in_place(path: Path) -> None:
    """Check that the folder that `path` is being written to is still in its place.

    Raises:
        RecordingError: it was removed, renamed or replaced.
    """
    with _GUARD:
        around = [output for output in _OUTPUTS.values() if path.is_relative_to(output.path) and path != output.path]
    for output in around:
        if not output.is_in_place():
            raise output.lost()


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
