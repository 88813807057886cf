"""The members of a zip that somebody else made: checked before anything is read, and all read from one copy."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path

from rltools.errors import ModelError, UnsafeFileError

MIB = 2**20
MAX_FILE = 256 * MIB
MAX_TOTAL = 512 * MIB
MAX_MEMBERS = 4096
MAX_RATIO = 100
_DIRECTORY_PER_MEMBER = 512
_END, _LOCATOR64, _END64 = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"
_END_SIZE, _LOCATOR64_SIZE, _END64_SIZE = 22, 20, 56
_END_REACH = _END_SIZE + 65535


def read_file(path: Path, limit: int = MAX_FILE) -> bytes:
    """The bytes of a file of at most `limit` bytes.

    Raises:
        ModelError: it cannot be read.
        UnsafeFileError: it is larger.
    """
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}; give the path of a model file") from error
    if len(content) > limit:
        raise UnsafeFileError(f"{path} is larger than {limit // MIB} MiB, which no model of this kind is; not read")
    return content


def read_members(content: bytes, where: str, wanted: Collection[str], limits: dict[str, int]) -> dict[str, bytes]:
    """The members named in `wanted`, with their checksums verified.

    Args:
        content: the whole zip.
        where: what errors call it.
        wanted: names that must be there.
        limits: the largest size of a member in bytes, by name.

    Raises:
        ModelError: not a zip, cut short, damaged, or a wanted member is missing.
        UnsafeFileError: sizes, names or links that no honest model has.
    """
    with open_zip(content, where) as archive:
        names = [member.filename for member in archive.infolist()]
        missing = sorted(set(wanted) - set(names))
        if missing:
            raise ModelError(
                f"{where} is not a model saved by Stable-Baselines3, or is cut short: it lacks "
                f"{', '.join(map(repr, missing))} and holds {', '.join(map(repr, names[:8])) or 'nothing'}"
            )
        for name in names:
            if "/" in name or "\\" in name or ".." in name or "\0" in name:
                raise UnsafeFileError(f"{where} holds {name!r}, a path where a plain name belongs; nothing was read")
        for name in wanted:
            size, limit = archive.getinfo(name).file_size, limits[name]
            if size > limit:
                raise UnsafeFileError(f"{where}: {name} would unpack to {size:,} bytes, above {limit:,}; not read")
        return {name: _read(archive, name, where) for name in wanted}


def open_zip(content: bytes, where: str) -> zipfile.ZipFile:
    """A zip whose directory is small and honest: no duplicates, links, encryption, or sizes beyond the caps.

    Raises:
        ModelError: not a zip, cut short or damaged.
        UnsafeFileError: see above.
    """
    _check_directory(content, where)
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, UnicodeError) as error:
        raise ModelError(
            f"{where} is not a readable zip: {error}. It may be cut short; fetch or save it again"
        ) from error
    members = archive.infolist()
    names = [member.filename for member in members]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise UnsafeFileError(f"{where} holds {twice[0]!r} more than once; nothing was read")
    total = sum(member.file_size for member in members)
    if total > MAX_TOTAL:
        raise UnsafeFileError(f"{where} would unpack to {total:,} bytes, above {MAX_TOTAL:,}; nothing was read")
    for member in members:
        fault = _fault(member)
        if fault:
            raise UnsafeFileError(f"{where}: {member.filename!r} {fault}; nothing was read")
    return archive


def _check_directory(content: bytes, where: str) -> None:
    # Python's zipfile builds an object for each member before it can be asked how many there are.
    end = content.rfind(_END, max(0, len(content) - _END_REACH))
    if end < 0 or len(content) - end < _END_SIZE:
        raise ModelError(f"{where} is not a zip, or is cut short: its directory is missing. Fetch or save it again")
    size = int.from_bytes(content[end + 12 : end + 16], "little")
    locator = end - _LOCATOR64_SIZE
    if locator >= 0 and content.startswith(_LOCATOR64, locator):  # torch writes every zip as a large one
        end64 = locator - _END64_SIZE
        said = int.from_bytes(content[locator + 8 : locator + 16], "little")
        if said != end64 or not content.startswith(_END64, end64):
            raise ModelError(f"{where} is damaged: its directory is not where it says. Fetch or save it again")
        size = int.from_bytes(content[end64 + 40 : end64 + 48], "little")
    if size > MAX_MEMBERS * _DIRECTORY_PER_MEMBER:
        raise UnsafeFileError(f"{where} has a directory of {size:,} bytes: far too many members; nothing was read")


def _fault(member: zipfile.ZipInfo) -> str | None:
    if stat.S_ISLNK(member.external_attr >> 16):
        return "is a link"
    if member.flag_bits & 0x1:
        return "is encrypted"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"is packed with method {member.compress_type}"
    if member.file_size > MIB and member.file_size > MAX_RATIO * member.compress_size:
        return f"would unpack from {member.compress_size:,} to {member.file_size:,} bytes"
    return None


def _read(archive: zipfile.ZipFile, name: str, where: str) -> bytes:
    try:
        return archive.read(name)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, NotImplementedError, RuntimeError) as error:
        raise ModelError(f"{where} is damaged at {name!r}: {error}. Fetch or save it again") from error
