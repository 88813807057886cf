"""Reads what a file or a folder holds, by the format that its first bytes show."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from rltools._util.discovery import modules_in
from rltools._util.foreign_files import ends_of
from rltools.errors import ModelError
from rltools.policies.kinds import HEAD, described
from rltools.policies.saved.rebuilt import Contents

PLACE = "rltools.policies.saved.formats"


class Format(Protocol):
    """The members of a module in `formats/`."""

    def reads(self, path: Path, head: bytes) -> bool:
        """Whether a file that begins with these bytes, or a folder, is in this format."""
        ...

    def read(self, path: Path) -> Contents:
        """Its tensors and plain values."""
        ...


@cache
def formats() -> dict[str, Format]:
    """Every format by its name, that of its file."""
    names = [name for name in modules_in(PLACE) if not name.startswith("_")]
    return {name: cast("Format", import_module(f"{PLACE}.{name}")) for name in names}


def format_of(path: Path) -> str | None:
    """The name of the format of a file or a folder; None if it is in none of them."""
    head = ends_of(path, HEAD)[0]
    return next((name for name, format_ in formats().items() if format_.reads(path, head)), None)


def read_contents(path: Path) -> Contents:
    """What a file or a folder holds; nothing in it is executed.

    Raises:
        ModelError: in no format, or damaged.
        UnsafeFileError: it would run code or exhaust the machine; nothing was run.
    """
    name = format_of(path)
    if name is None:
        raise ModelError(f"{path} holds no weights that can be read; it is {described(path)}")
    return formats()[name].read(path)
