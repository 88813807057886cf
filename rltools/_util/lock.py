"""A lock that lets a folder have one writer, among all threads and processes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rltools._util.files import has_writer, one_writer, os_errors_as, unfinished_in
from rltools.errors import BusyError, RecordingError

LOCK = ".lock"
MOMENT = 3.0
"""Seconds to wait for others who only check that nobody writes."""


@contextmanager
def folder_lock(folder: Path, lock_name: str = LOCK) -> Iterator[None]:
    """Hold the lock of a folder, and remove unfinished files of a writer that was killed, before or by an error.

    Args:
        folder: created if it does not exist.
        lock_name: name of the lock file; writers with the same name exclude each other.

    Raises:
        BusyError: the folder has another writer, in this process or in another one.
        RecordingError: the folder cannot be written to, or it has been removed or moved at the end.
    """
    from filelock import FileLock, Timeout

    with os_errors_as(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with os_errors_as(folder), one_writer(folder, lock_name) as output:
        # Not local to a thread: a wrapper may be closed, or garbage-collected, in another one.
        lock = FileLock(folder / lock_name, thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise _other_writer(folder) from None
        try:
            _clear(folder)
            yield
        except BaseException as error:
            if output.is_in_place():
                with suppress(OSError):
                    _clear(folder)
                raise
            if isinstance(error, (OSError, RecordingError)):
                raise output.lost() from error
            raise
        finally:
            if not output.is_in_place() and (moved := output.new_path()) is not None:
                with suppress(OSError):
                    _clear(moved)
            lock.release()
        if not output.is_in_place():
            raise output.lost()


def check_no_writer(folder: Path, lock_name: str = LOCK) -> None:
    """Check that nobody writes to a folder now; several processes may check at the same time.

    Raises:
        BusyError: this process or another one does.
        RecordingError: the folder cannot be written to.
    """
    from filelock import FileLock, Timeout

    if has_writer(folder, lock_name):
        raise BusyError(
            f"this process is writing to {folder} already; wait for it, close what writes there, or choose another "
            f"folder"
        )
    with os_errors_as(folder):
        try:
            with FileLock(folder / lock_name, timeout=MOMENT, thread_local=False):
                pass
        except Timeout:
            raise _other_writer(folder) from None


def _other_writer(folder: Path) -> BusyError:
    return BusyError(f"another process is writing to {folder}; wait for it, or choose another folder")


def check_kept(folder: Path, paths: Iterable[Path]) -> None:
    """Check that files that were written still exist.

    Raises:
        RecordingError: at least one was removed in the meantime.
    """
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise RecordingError(
            f"{len(missing)} files that were written to {folder} do not exist any more ({missing[0]} is the first): "
            f"they were removed in the meantime. Run the same again; only those files are written again"
        )


def _clear(folder: Path) -> None:
    """Remove unfinished files of the places that this lock covers, and of attributions that nobody writes to."""
    from filelock import FileLock, Timeout

    _clear_places(folder, folder / "episodes", folder / "frames", folder / "draws")
    for attribution in folder.glob("attributions/*/"):
        if (attribution / LOCK).exists():
            with suppress(Timeout, OSError), FileLock(attribution / LOCK, timeout=0):
                _clear_places(attribution, attribution / "draws")
        else:
            _clear_places(attribution, attribution / "draws")


def _clear_places(*places: Path) -> None:
    for place in places:
        for unfinished in unfinished_in(place):
            unfinished.unlink(missing_ok=True)
