"""Reads the members of a zip that Stable-Baselines3 saves; what else a file is, the message names."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from rltools._util.foreign_files import ends_of
from rltools.errors import ModelError, UnsafeFileError
from rltools.policies.kinds import HEAD, kind_in, kind_of
from rltools.policies.untrusted.zips import MAX_FILE, UNUSUAL, has_directory, open_zip, read_file, read_member

_ZIP, _FIRST = b"PK\x03\x04", b"data"  # the signature of a zip, and the first member of a model's
_OF_MACOS = "__MACOSX/"
_FIRST_SIZE = 30  # of a member's header before its name


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
    if head and not has_directory(tail) and path.stat().st_size <= MAX_FILE:
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
                raise UnsafeFileError(f"{where} holds {name[:120]!a}, a path where a plain name belongs, {UNUSUAL}")
        return {name: read_member(archive, name, where, limit) for name, limit in limits.items()}
