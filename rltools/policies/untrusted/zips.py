"""Reads the members of an untrusted zip: checked before anything is read, and all read from one copy."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections import Counter
from pathlib import Path

from rltools._util.foreign_files import MIB, read_foreign
from rltools.errors import ModelError, UnsafeFileError

MAX_FILE = 256 * MIB
MAX_TOTAL = 512 * MIB
MAX_MEMBERS = 4096
MAX_RATIO = 100
LARGE, LARGE_RATIO = 32 * MIB, 4  # weights hardly compress
_DIRECTORY_PER_MEMBER = 512
_END, _LOCATOR64, _END64 = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"
_END_SIZE, _LOCATOR64_SIZE, _END64_SIZE = 22, 20, 56
_END_REACH = _END_SIZE + 65535
UNUSUAL = "which no saved model has; nothing was read. Save the model again, or do not use this file"
"""How a refusal goes on: the file is not what any library writes."""


def read_file(path: Path, limit: int = MAX_FILE) -> bytes:
    """The bytes of a file of at most `limit` bytes.

    Raises:
        ModelError: it cannot be read.
        UnsafeFileError: it is larger, or a pipe or a device.
    """
    return read_foreign(path, limit, unreadable=ModelError, unfit=UnsafeFileError)


def has_directory(tail: bytes) -> bool:
    """Whether the last bytes of a file may hold the directory of a zip."""
    return _END in tail[-_END_REACH:]


def open_zip(content: bytes, where: str) -> zipfile.ZipFile:
    """Open a zip after checking its directory: no duplicates, links, encryption, or sizes above the limits.

    Raises:
        ModelError: not a zip, truncated or damaged.
        UnsafeFileError: a directory that no honest model has.
    """
    _check_directory(content, where)
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, UnicodeError) as error:
        raise ModelError(
            f"{where} is not a readable zip: {error}. It may be cut short; fetch or save it again"
        ) from error
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise UnsafeFileError(f"{where} has {len(members):,} members, {UNUSUAL}")
    duplicates = [name for name, count in Counter(member.filename for member in members).items() if count > 1]
    if duplicates:
        raise UnsafeFileError(f"{where} holds {duplicates[0][:120]!a} more than once, {UNUSUAL}")
    total = sum(member.file_size for member in members)
    if total > MAX_TOTAL:
        raise UnsafeFileError(f"{where} would unpack to {total:,} bytes, above {MAX_TOTAL:,}, {UNUSUAL}")
    for member in members:
        fault = _fault(member)
        if fault:
            raise UnsafeFileError(f"{where}: {member.filename[:120]!a} {fault}, {UNUSUAL}")
    return archive


def read_member(archive: zipfile.ZipFile, name: str, where: str, limit: int) -> bytes:
    """Read one member of at most `limit` bytes and verify its checksum.

    Raises:
        ModelError: missing or damaged.
        UnsafeFileError: larger.
    """
    try:
        size = archive.getinfo(name).file_size
        if size > limit:
            raise UnsafeFileError(f"{where}: {name} would unpack to {size:,} bytes, above {limit:,}, {UNUSUAL}")
        with archive.open(name) as member:
            # Without a size, Python's reader decompresses everything before it compares the declared size.
            content = member.read(size)
    except (zipfile.BadZipFile, zlib.error, EOFError, LookupError, ValueError, OSError, RuntimeError) as error:
        raise ModelError(f"{where} is damaged at {name!r}: {error}. Fetch or save it again") from error
    if len(content) != size:
        raise ModelError(f"{where} is damaged at {name!r}: {len(content):,} bytes of {size:,}. Fetch or save it again")
    return content


def _check_directory(content: bytes, where: str) -> None:
    # Python's zipfile builds an object per member before their number is known.
    end = content.rfind(_END, max(0, len(content) - _END_REACH))
    if end < 0 or len(content) - end < _END_SIZE:
        raise ModelError(f"{where} is not a zip, or is cut short: its directory is missing. Fetch or save it again")
    size, start = (int.from_bytes(content[offset : offset + 4], "little") for offset in (end + 12, end + 16))
    locator = end - _LOCATOR64_SIZE
    if locator >= 0 and content.startswith(_LOCATOR64, locator):  # torch always writes ZIP64
        end64 = locator - _END64_SIZE
        declared = int.from_bytes(content[locator + 8 : locator + 16], "little")
        if declared != end64 or not content.startswith(_END64, end64):
            raise ModelError(f"{where} is damaged: its directory is not where it says. Fetch or save it again")
        size, start = (int.from_bytes(content[offset : offset + 8], "little") for offset in (end64 + 40, end64 + 48))
        end = end64
    if size > MAX_MEMBERS * _DIRECTORY_PER_MEMBER:
        raise UnsafeFileError(f"{where} has a directory of {size:,} bytes: far too many members, {UNUSUAL}")
    # Where the two disagree, different readers see different members.
    if start + size != end:
        raise ModelError(f"{where} is damaged: its directory is not where it says. Fetch or save it again")


def _fault(member: zipfile.ZipInfo) -> str | None:
    if stat.S_ISLNK(member.external_attr >> 16):
        return "is a link"
    if member.flag_bits & 0x1:
        return "is encrypted"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"is compressed with method {member.compress_type}"
    if member.compress_type == zipfile.ZIP_STORED and member.compress_size != member.file_size:
        return f"is not compressed, and its size is declared as {member.compress_size:,} and {member.file_size:,} bytes"
    ratio = MAX_RATIO if member.file_size <= LARGE else LARGE_RATIO
    if member.file_size > MIB and member.file_size > ratio * member.compress_size:
        return f"would unpack from {member.compress_size:,} to {member.file_size:,} bytes"
    return None
