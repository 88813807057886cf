"""One writer per folder, in this process and among all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rltools._util.files import discard, held, os_errors_as, temporary_name, unfinished_in
from rltools.errors import ConflictError, RecordingError

LOCK = ".lock"


@contextmanager
def folder_lock(folder: Path, lock_name: str = LOCK) -> Iterator[None]:
    """Hold the folder's lock, and clear away what a writer that was killed left unfinished.

    Args:
        folder: made where there is none.
        lock_name: of the lock's file; writers of the same name exclude each other.

    Raises:
        ConflictError: somebody else is writing there, in this process or in another.
        RecordingError: the folder cannot be written to; or, at the end, it is not there any more.
    """
    from filelock import FileLock, Timeout

    with os_errors_as(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with os_errors_as(folder), held(folder, lock_name) as entry:
        # Threads may hand it on: a wrapper may be closed, or collected, in another one.
        lock = FileLock(folder / lock_name, thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise ConflictError(
                f"another process is writing to {folder}; wait for it, or choose another folder"
            ) from None
        try:
            _clear(folder)
            yield
        except (OSError, RecordingError) as error:
            if entry.is_there():
                raise
            raise entry.lost() from error
        finally:
            if not entry.is_there() and (moved := entry.now_at()) is not None:
                with suppress(OSError):
                    _clear(moved)
            lock.release()
        if not entry.is_there():
            raise entry.lost()


def check_kept(folder: Path, paths: Iterable[Path]) -> None:
    """What was written is still there.

    Raises:
        RecordingError: something was taken away meanwhile.
    """
    gone = [path for path in paths if not path.is_file()]
    if gone:
        raise RecordingError(
            f"{len(gone)} files that were written to {folder} are not there any more ({gone[0]} is the first): they "
            f"were removed meanwhile. Run the same again; only those files are made again"
        )


def _clear(folder: Path) -> None:
    # Only where this lock is what a writer holds: beneath `folder` may lie other recordings, and pages in the making.
    attributions = [*folder.glob("attributions/*"), *folder.glob("attributions/*/draws")]
    rooms = [folder / "episodes", folder / "frames", *attributions]
    for room in rooms:
        for unfinished in unfinished_in(room):
            unfinished.unlink(missing_ok=True)
    discard(temporary_name(folder / "recording.json"))
