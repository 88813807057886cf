"""Reads files of unknown origin: only regular ones, of bounded size, and without blocking.

A path may lead to a pipe that has no writer, to a device without end, or to a sparse file of terabytes.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from rltools.errors import RltoolsError

MIB = 2**20
_CHUNK = 1 << 20


def is_file(path: str | Path) -> bool:
    """Whether the path leads to a regular file; False for an invalid name and for a path without access."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: str | Path) -> bool:
    """Whether the path leads to a folder; see `is_file`."""
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


def path_exists(path: str | Path) -> bool:
    """Whether the path leads to anything, including a broken link; see `is_file`."""
    try:
        Path(path).lstat()
    except (OSError, ValueError):
        return False
    return True


def read_foreign(
    path: Path, limit: int, *, unreadable: type[RltoolsError], unfit: type[RltoolsError] | None = None
) -> bytes:
    """Read a file of at most `limit` bytes.

    Args:
        path: of the file.
        limit: in bytes.
        unreadable: raised if it cannot be opened or read.
        unfit: raised if it is larger, or not a regular file; the same by default.

    Raises:
        RltoolsError: of one of these two types.
    """
    with _opened(path, limit, unreadable, unfit or unreadable) as file:
        content = file.read(limit + 1)
    if len(content) > limit:  # it has grown since it was opened
        raise (unfit or unreadable)(_too_large(path, limit))
    return content


def ends_of(path: Path, size: int) -> tuple[bytes, bytes]:
    """The first and the last `size` bytes of a regular file; empty if it is not a regular file or cannot be read."""
    try:
        with _opened(path, None, RltoolsError, RltoolsError) as file:
            head = file.read(size)
            file.seek(max(0, os.fstat(file.fileno()).st_size - size))
            return head, file.read(size)
    except RltoolsError:
        return b"", b""


def foreign_sha256(path: Path, limit: int, *, unreadable: type[RltoolsError], unfit: type[RltoolsError]) -> str:
    """The sha256 of a file of at most `limit` bytes, in 64 hexadecimal digits; see `read_foreign`."""
    digest, left = hashlib.sha256(), limit
    with _opened(path, limit, unreadable, unfit) as file:
        while chunk := file.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise unfit(_too_large(path, limit))
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def _opened(
    path: Path, limit: int | None, unreadable: type[RltoolsError], unfit: type[RltoolsError]
) -> Iterator[BinaryIO]:
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        # Without O_NONBLOCK opening a pipe waits for a writer.
        with os.fdopen(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise unfit(f"{path} is a pipe or a device, not a file; not read. Give the path of a file")
            if limit is not None and status.st_size > limit:
                raise unfit(_too_large(path, limit))
            yield file
    except (OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError) and path.is_symlink():
            raise unreadable(
                f"{path} is a link to {path.readlink()}, where nothing is: it was not fetched, or has been moved; "
                f"fetch it again, or give the file itself"
            ) from error
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise unreadable(f"{path} cannot be read: {reason}; give a readable file") from error


def _too_large(path: Path, limit: int) -> str:
    size = f"{limit / MIB:.3g} MiB" if limit >= MIB else f"{limit:,} bytes"
    return f"{path} is larger than {size}, the limit for this kind of file; not read. Give another file"
