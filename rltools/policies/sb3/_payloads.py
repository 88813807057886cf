"""Parts of a model that are never decoded, and what runs commands all the same named in them."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from rltools.errors import RltoolsError, UnsafeFileError
from rltools.foreign_files import MIB
from rltools.policies._trust import how_to_trust
from rltools.policies.sb3._opcodes import names_in
from rltools.policies.sb3._unpickle import COMMANDS, shown
from rltools.policies.sb3._weights import names_in_pth
from rltools.policies.sb3._zip import open_zip, read_member

MAX_PTH = 192 * MIB
_STEPS = 100_000


def check_unread(settings: dict[str, Any], content: bytes, where: str, sha256: str, read: Iterable[str]) -> None:
    """Refuse a model that names what runs commands in an entry or a member that is never decoded.

    The library's own `load` would decode it, so the user had better hear of it.

    Args:
        settings: the zip's JSON.
        content: the whole zip.
        where: what errors call it.
        sha256: of the file.
        read: the entries that are decoded, and looked at then.

    Raises:
        UnsafeFileError: it does; nothing was run.
    """
    for part, name in _named(settings, content, where, set(read)):
        if COMMANDS.fullmatch(name):
            raise UnsafeFileError(
                f"{where}: {shown(part)} wants {shown(name)}, which no model needs; it was NOT run. "
                + how_to_trust(sha256)
            )


def _named(settings: dict[str, Any], content: bytes, where: str, read: set[str]) -> Iterator[tuple[str, str]]:
    steps = iter(range(_STEPS))  # for all entries together
    for key, entry in settings.items():
        said = entry.get(":serialized:") if isinstance(entry, dict) else None
        if key in read or not isinstance(said, str):
            continue
        try:
            for name in names_in(b64decode(said), steps):
                yield key, name
        except (ValueError, LookupError, OverflowError):  # not even a pickle
            continue
    with open_zip(content, where) as archive:
        names = [name for name in archive.namelist() if name.endswith(".pth") and name != "policy.pth"]
        for member in islice(names, 16):
            try:
                for name in names_in_pth(read_member(archive, member, where, MAX_PTH), where):
                    yield member, name
            except RltoolsError:
                continue
