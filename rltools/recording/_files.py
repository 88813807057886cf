"""Files that appear whole or not at all, and one writer per folder."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from rltools.errors import ConflictError, CorruptError, RecordingError

_TEMPORARY = ".unfinished-"


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`; the file takes its place once the block has ended without an error.

    Raises:
        RecordingError: the disk is full, or the folder cannot be written to.
    """
    temporary = path.with_name(f"{_TEMPORARY}{path.name}")
    try:
        yield temporary
        put_in_place(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def put_in_place(temporary: Path, path: Path) -> None:
    """Give a finished temporary file its name, once its content is on the disk."""
    descriptor = os.open(temporary, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(path)


def temporary_name(path: Path) -> Path:
    """Where the content of `path` is collected until it is whole."""
    return path.with_name(f"{_TEMPORARY}{path.name}")


@contextmanager
def cause_named(folder: Path) -> Iterator[None]:
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


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, and clear away what a writer that was killed left unfinished.

    Raises:
        ConflictError: another process is writing there.
    """
    from filelock import FileLock, Timeout

    with cause_named(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise ConflictError(
                f"another process is writing to {folder}; wait for it, or choose another folder"
            ) from None
    try:
        with cause_named(folder):
            for unfinished in _left_unfinished(folder):
                unfinished.unlink(missing_ok=True)
        yield
    finally:
        lock.release()


def _left_unfinished(folder: Path) -> list[Path]:
    # Only where this lock is what a writer holds: beneath `folder` may lie other recordings, and pages in the making.
    rooms = [
        folder / "episodes",
        folder / "frames",
        *folder.glob("attributions/*"),
        *folder.glob("attributions/*/draws"),
    ]
    return [
        temporary_name(folder / "recording.json"),
        *(path for room in rooms for path in room.glob(f"{_TEMPORARY}*")),
    ]


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait until the block has ended, so that a write that has begun is finished."""
    ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN  # as for a job in the background
    if ignored or threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[FrameType | None] = []
    before = signal.signal(signal.SIGINT, lambda _, frame: arrived.append(frame))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if arrived:
        raise KeyboardInterrupt


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON that reads well and is the same bytes for the same content."""
    with appearing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read what `write_json` wrote.

    Raises:
        CorruptError: the file is not a JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CorruptError(f"{path} is not readable JSON ({error})") from error
    if not isinstance(content, dict):
        raise CorruptError(f"{path} should hold a JSON object and holds a {type(content).__name__}")
    return content


def numbered(folder: Path) -> tuple[int, ...]:
    """The numbers of the files `000012.parquet` in a folder, in order; the listing is the truth."""
    if not folder.is_dir():
        return ()
    found = [int(path.stem) for path in folder.glob("*.parquet") if path.stem.isascii() and path.stem.isdigit()]
    return tuple(sorted(number for number in found if numbered_path(folder, number).is_file()))


def numbered_path(folder: Path, number: int) -> Path:
    """Where the file of this number is."""
    return folder / f"{number:06d}.parquet"
