"""Reads what a file or a folder holds, by the format that its first bytes show."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from rltools._util.discovery import modules_in
from rltools._util.foreign_files import ends_of
from rltools.errors import ModelError, UnsafeFileError
from rltools.policies.kinds import HEAD, described
from rltools.policies.saved.rebuilt import MOST_KEYS, Contents

LONGEST_KEY, MOST_PARTS = 500, 40
PLACE = "rltools.policies.saved.formats"
_COMPILED, _PARALLEL = "_orig_mod.", "module."


class Format(Protocol):
    """The members of a module in `formats/`.

    One that reads files of many libraries says so with `READS_LAST = True`: those of a single library are asked first.
    """

    def reads(self, path: Path, head: bytes) -> bool:
        """Whether a file that begins with these bytes, or a folder, is in this format."""
        ...

    def read(self, path: Path) -> Contents:
        """Its tensors and plain values."""
        ...


@cache
def formats() -> dict[str, Format]:
    """Every format by its name, that of its file, in the order in which they are asked."""
    names = [name for name in modules_in(PLACE) if not name.startswith("_")]
    modules = {name: import_module(f"{PLACE}.{name}") for name in names}
    in_turn = sorted(modules, key=lambda name: getattr(modules[name], "READS_LAST", False))
    return {name: cast("Format", modules[name]) for name in in_turn}


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
    contents = formats()[name].read(path)
    _check_keys(contents)
    return _without_wrappers(contents)


def _without_wrappers(contents: Contents) -> Contents:
    """The same, without what torch.compile and DataParallel add to every key of the network that they wrap."""
    keys = [*contents.tensors, *contents.values]
    names = {key: key.replace(_COMPILED, "") for key in keys}
    # An actor of TorchRL has its parts numbered under a `module` of its own.
    if all(name.startswith(_PARALLEL) and not name[len(_PARALLEL) :][:1].isdecimal() for name in names.values()):
        names = {key: name.removeprefix(_PARALLEL) for key, name in names.items()}
    if len(set(names.values())) < len(names) or "" in names.values():
        return contents
    tensors, values = (
        {names[key]: value for key, value in part.items()} for part in (contents.tensors, contents.values)
    )
    return replace(contents, tensors=tensors, values=values)


def _check_keys(contents: Contents) -> None:
    """Refuse keys that no saved agent has, so that whatever looks for layers in them has an end."""
    path, keys = contents.path, [*contents.tensors, *contents.values]
    if len(keys) > MOST_KEYS:
        raise UnsafeFileError(f"{path} holds {len(keys):,} keys, above {MOST_KEYS:,}; give weights alone")
    for key in keys:
        fault = ""
        if len(key) > LONGEST_KEY or key.count(".") > MOST_PARTS:
            fault = f"{len(key):,} characters in {key.count('.') + 1:,} parts"
        elif not key.isprintable():
            fault = "characters that cannot be printed"
        if fault:
            raise UnsafeFileError(
                f"{path} has the key {key[:40]!a} of {fault}, which no saved agent has; give a network's weights"
            )
