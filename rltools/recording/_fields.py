"""What a JSON file says, held against the types that it should have."""

from __future__ import annotations

import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from rltools.errors import CorruptError
from rltools.recording._json import shortened

_LARGEST = 1 << 63
_WORDS = {str: "a text", int: "a whole number", bool: "true or false", float: "a number", type(None): "null"}


def check_fields(
    path: Path, content: Any, kinds: Mapping[str, Any], optional: frozenset[str], within: str = ""
) -> None:
    """Every key is there and of its kind, and no other is.

    Args:
        path: of the file, for the message.
        content: that was read.
        kinds: a type for each key: `str`, `int`, `list[str]`, `dict[str, Any]`, `int | None` and the like.
        optional: the keys that may be missing.
        within: of a part of the file, the key that leads to it.

    Raises:
        CorruptError: the first fault, by file and key.
    """
    if not isinstance(content, dict):
        raise _fault(path, f"key {within!r} is {shortened(content)}, and is not as it should be: an object")
    lead = f"{within}." if within else ""
    for name in kinds.keys() - optional - content.keys():
        raise _fault(path, f"lacks {lead + name!r}")
    for name, value in content.items():
        if name not in kinds:
            raise _fault(path, f"has an unknown key {shortened(lead + name)}")
        if not _fits(value, kinds[name]):
            words = f"key {lead + name!r} is {shortened(value)}, and is not as it should be: {_described(kinds[name])}"
            raise _fault(path, words)


def check_counts(path: Path, content: Mapping[str, Any], least: Mapping[str, int]) -> None:
    """Numbers that count something are at least so large.

    Raises:
        CorruptError: one is smaller.
    """
    for name, lowest in least.items():
        if content.get(name, lowest) < lowest:
            raise _fault(path, f"key {name!r} is {content[name]}, and is not as it should be: at least {lowest}")


def _fault(path: Path, fault: str) -> CorruptError:
    return CorruptError(f"{path}: {fault}; it was not written by rltools, or it was edited or damaged")


def _fits(value: Any, kind: Any) -> bool:
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is Literal:
        return value in parts
    if origin in (list, dict):
        entries = value.values() if isinstance(value, dict) else value
        return type(value) is origin and all(_fits(entry, parts[-1]) for entry in entries)
    if kind is int:
        return type(value) is int and abs(value) < _LARGEST  # True is an int to isinstance
    return kind is Any or type(value) is kind


def _described(kind: Any) -> str:
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(map(_described, parts))
    if origin is Literal:
        return f"one of {', '.join(map(repr, parts))}"
    if origin is list:
        return f"a list, each entry {_described(parts[0])}"
    if origin is dict:
        return "an object" if parts[1] is Any else f"an object, each entry {_described(parts[1])}"
    return "anything" if kind is Any else _WORDS[kind]
