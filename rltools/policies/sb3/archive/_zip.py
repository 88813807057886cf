"""Reads the members of an untrusted zip: checked before anything is read, and all read from one copy."""

from __future__ import annotations

import io
import shlex
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from rltools._util.foreign_files import MIB, ends_of, read_foreign
from rltools.errors import ModelError, UnsafeFileError
from rltools.policies.kinds import HEAD, kind_in, kind_of

MAX_FILE = 256 * MIB
MAX_TOTAL = 512 * MIB
MAX_MEMBERS = 4096
MAX_RATIO = 100
LARGE, LARGE_RATIO = 32 * MIB, 4  # weights hardly compress
_DIRECTORY_PER_MEMBER = 512
_ZIP, _FIRST = b"PK\x03\x04", b"data"  # the signature of a zip, and the first member of a model's
_OF_MACOS = "__MACOSX/"
_FIRST_SIZE = 30  # of a member's header before its name
_END, _LOCATOR64, _END64 = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"
_END_SIZE, _LOCATOR64_SIZE, _END64_SIZE = 22, 20, 56
_END_REACH = _END_SIZE + 65535
_ODD = "which no saved model has; nothing was read. Save the model again, or do not use this file"


def read_file(path: Path, limit: int = MAX_FILE) -> bytes:
    """The bytes of a file of at most `limit` bytes.

    Raises:
        ModelError: it cannot be read.
        UnsafeFileError: it is larger, or a pipe or a device.
    """
    return read_foreign(path, limit, unreadable=ModelError, unfit=UnsafeFileError)


def read_model(path: Path) -> bytes:
    """The bytes of a model's zip; of other files only the ends are read.

    Raises:
        ModelError: it cannot be read, or is something else, which the message names.
        UnsafeFileError: it is too large, or a pipe or a device.
    """
    head, tail = ends_of(path, HEAD)
    kind = None if head.startswith(_ZIP[:2]) else kind_in(head, tail, path.suffix.lower())
    if head and kind is not None:
        raise ModelError(f"{path} is not a model of Stable-Baselines3; it is {kind}")
    if head and _END not in tail[-_END_REACH:] and path.stat().st_size <= MAX_FILE:
        raise ModelError(f"{path} is not a zip, or is cut short: its directory is missing. Fetch or save it again")
    content = read_file(path)
    if not content:
        raise ModelError(f"{path} is not a model of Stable-Baselines3; it is {kind_of(content)}")
    return content


def begins_like_a_model(path: Path) -> bool:
    """Whether a file begins as a zip whose first member is the one that Stable-Baselines3 writes first."""
    head, _ = ends_of(path, _FIRST_SIZE + len(_FIRST))
    return head.startswith(_ZIP) and head[_FIRST_SIZE:] == _FIRST


def read_members(content: bytes, where: str, limits: Mapping[str, int]) -> dict[str, bytes]:
    """The members named in `limits`, with their checksums verified.

    Args:
        content: the bytes of the zip.
        where: its name in errors.
        limits: the largest size in bytes of each required member.

    Raises:
        ModelError: not a zip, truncated, damaged, or a required member is missing.
        UnsafeFileError: sizes, names or links that no honest model has.
    """
    with open_zip(content, where) as archive:
        names = [member.filename for member in archive.infolist()]
        missing = sorted(set(limits) - set(names))
        if missing:
            kind = kind_of(content[:HEAD], names)
            if kind is not None:
                raise ModelError(f"{where} is not a model of Stable-Baselines3; it is {kind}")
            raise ModelError(
                f"{where} is not a model saved by Stable-Baselines3, or is cut short: it lacks "
                f"{', '.join(map(repr, missing))} and holds {', '.join(map(ascii, names[:8])) or 'nothing'}; "
                f"save it again"
            )
        for name in names:
            if name.startswith(_OF_MACOS):
                raise UnsafeFileError(
                    f"{where} holds {name[:120]!a}, which macOS adds when it zips a folder; nothing was read. Remove "
                    f"it: zip -d {shlex.quote(where)} '{_OF_MACOS}*'"
                )
            if "/" in name or "\\" in name or ".." in name or "\0" in name:
                raise UnsafeFileError(f"{where} holds {name[:120]!a}, a path where a plain name belongs, {_ODD}")
        return {name: read_member(archive, name, where, limit) for name, limit in limits.items()}


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
        raise UnsafeFileError(f"{where} has {len(members):,} members, {_ODD}")
    duplicates = [name for name, count in Counter(member.filename for member in members).items() if count > 1]
    if duplicates:
        raise UnsafeFileError(f"{where} holds {duplicates[0][:120]!a} more than once, {_ODD}")
    total = sum(member.file_size for member in members)
    if total > MAX_TOTAL:
        raise UnsafeFileError(f"{where} would unpack to {total:,} bytes, above {MAX_TOTAL:,}, {_ODD}")
    for member in members:
        fault = _fault(member)
        if fault:
            raise UnsafeFileError(f"{where}: {member.filename[:120]!a} {fault}, {_ODD}")
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
            raise UnsafeFileError(f"{where}: {name} would unpack to {size:,} bytes, above {limit:,}, {_ODD}")
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
        raise UnsafeFileError(f"{where} has a directory of {size:,} bytes: far too many members, {_ODD}")
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
