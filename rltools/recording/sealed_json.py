"""JSON files with a seal: a checksum of their own text in their last line."""

from __future__ import annotations

import json
import re
import types
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from rltools._util.files import atomic_write
from rltools._util.text import cut
from rltools.errors import CorruptError, FormatError, RecordingError

Parsed = TypeVar("Parsed")

FORMAT = 4
"""The format of a recording's files. Older ones are read too, and have no seals."""
SEALED_FORMAT = 3
_SEAL = "seal"
_ENDING = ',\n "seal": "{:08x}"\n}}\n'
_MOST_BYTES = 1 << 26
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def write_json(path: Path, content: dict[str, Any]) -> str:
    """Write readable JSON, with the same bytes for the same content; returns its seal."""
    text = json.dumps({"format": FORMAT, **content}, indent=1, ensure_ascii=False)
    # Half of a surrogate pair, as in the name of a file that is not UTF-8, has no bytes of its own in UTF-8.
    text = _LONE_SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
    body = text.removesuffix("\n}").encode()
    checksum = zlib.crc32(body)
    with atomic_write(path) as temporary:
        temporary.write_bytes(body + _ENDING.format(checksum).encode())
    return f"{checksum:08x}"


def read_json(path: Path, parse: Callable[[dict[str, Any]], Parsed], *, formats_began: int = 1) -> tuple[Parsed, str]:
    """Read a file that `write_json` wrote, and its seal, which identifies its content; "" if an older file has none.

    Args:
        path: of the file.
        parse: converts its content, without format and seal.
        formats_began: the first format that such files declare; files without a format are older.

    Raises:
        FormatError: a newer version of rltools wrote it.
        CorruptError: it is not a JSON object, `parse` refuses it, or it was changed after it was sealed.
        RecordingError: it cannot be read.
    """
    return parse_json(path, read_text(path), parse, formats_began)


def parse_json(
    path: Path, text: bytes, parse: Callable[[dict[str, Any]], Parsed], formats_began: int
) -> tuple[Parsed, str]:
    """Parse the text of the file at `path`, as `read_json` does."""
    content = _object(path, text)
    written = content.pop("format", None)
    if written is None and formats_began > 1:
        written = formats_began - 1
    if type(written) is not int or written < 1:
        raise CorruptError(f"{path} has format {shortened(written)}; it was not written by rltools, or it was edited")
    if written > FORMAT:
        raise FormatError(
            f"{path} has format {shortened(written)}, and this version reads up to {FORMAT}; update rltools"
        )
    seal = content.pop(_SEAL, None)
    parsed = parse(content)
    if seal is None and written < SEALED_FORMAT:
        return parsed, ""
    ending = len(_ENDING.format(0))
    checksum = zlib.crc32(text[:-ending])
    if text[-ending:] != _ENDING.format(checksum).encode():
        raise CorruptError(
            f"{path} does not match its key 'seal', {shortened(seal)}: it is damaged, or it was edited; restore a "
            f"copy of it, or recreate it"
        )
    return parsed, f"{checksum:08x}"


def read_text(path: Path) -> bytes:
    """The text of a JSON file.

    Raises:
        RecordingError: it cannot be read.
        CorruptError: it is too long to be one of ours.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise RecordingError(f"cannot read {path}: {error.strerror or error}") from error
    if len(text) > _MOST_BYTES:
        raise CorruptError(f"{path} has more than {_MOST_BYTES:,} bytes; it was not written by rltools")
    return text


def _object(path: Path, text: bytes) -> dict[str, Any]:
    try:
        content = json.loads(text.decode("utf-8"), object_pairs_hook=_unrepeated)
    except (ValueError, RecursionError) as error:
        cause = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise CorruptError(f"{path} is not readable JSON ({cause})") from error
    if not isinstance(content, dict):
        raise CorruptError(f"{path} should hold a JSON object and holds a {type(content).__name__}")
    return content


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {shortened(twice)} appears twice")
    return content


def shortened(value: Any) -> str:
    """The repr of a value, cut to 80 characters."""
    return cut(repr(value), 80)


_LARGEST = 1 << 63
_WORDS = {str: "a string", int: "an integer", bool: "true or false", float: "a number", type(None): "null"}


def check_fields(
    path: Path, content: Any, kinds: Mapping[str, Any], optional: frozenset[str], within: str = ""
) -> None:
    """Check that content has exactly these keys, and that each value has its type.

    Args:
        path: of the file, for the message.
        content: of the file, or of a part of it.
        kinds: a type for each key: `str`, `int`, `list[str]`, `dict[str, Any]`, `int | None` and the like.
        optional: the keys that may be missing.
        within: for a part of the file, the key that leads to it.

    Raises:
        CorruptError: names the file and the first wrong key.
    """
    if not isinstance(content, dict):
        raise _fault(path, f"key {within!r} is {shortened(content)}, and must be an object")
    lead = f"{within}." if within else ""
    for name in kinds.keys() - optional - content.keys():
        raise _fault(path, f"lacks {lead + name!r}")
    for name, value in content.items():
        if name not in kinds:
            raise _fault(path, f"has an unknown key {shortened(lead + name)}")
        if not _fits(value, kinds[name]):
            words = f"key {lead + name!r} is {shortened(value)}, and must be {_description(kinds[name])}"
            raise _fault(path, words)


def check_counts(path: Path, content: Mapping[str, Any], least: Mapping[str, int]) -> None:
    """Check that counts are at least their least values.

    Raises:
        CorruptError: one is smaller.
    """
    for name, lowest in least.items():
        if content.get(name, lowest) < lowest:
            raise _fault(path, f"key {name!r} is {content[name]}, and must be at least {lowest}")


def _fault(path: Path, fault: str) -> CorruptError:
    return CorruptError(f"{path}: {fault}; it was not written by rltools, or it was edited or damaged")


def _fits(value: Any, kind: Any) -> bool:
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is Literal:
        return value in parts
    if origin in (list, dict):
        elements = value.values() if isinstance(value, dict) else value
        return type(value) is origin and all(_fits(element, parts[-1]) for element in elements)
    if kind is int:
        return type(value) is int and abs(value) < _LARGEST  # True is an int to isinstance
    return kind is Any or type(value) is kind


def _description(kind: Any) -> str:
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(map(_description, parts))
    if origin is Literal:
        return f"one of {', '.join(map(repr, parts))}"
    if origin is list:
        return f"a list, each element {_description(parts[0])}"
    if origin is dict:
        return "an object" if parts[1] is Any else f"an object, each value {_description(parts[1])}"
    return "anything" if kind is Any else _WORDS[kind]
