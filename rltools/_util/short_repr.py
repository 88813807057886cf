"""What a result looks like where it is printed: what it holds, and not all of its numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

LONGEST = 72
"""Characters of a text; beyond them the middle is left out."""
MOST = 4
"""So many entries of a sequence are shown."""


def short_repr(thing: Any) -> str:
    """The `__repr__` of a dataclass that holds arrays: `ActResult(actions=int64[20], scores=float32[20, 2])`.

    Arrays and tensors are shown by dtype and shape, long texts and sequences by their ends, and a field that is its
    default or None not at all.

    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> @dataclass
    ... class Drawn:
    ...     values: np.ndarray
    ...     names: tuple[str, ...]
    ...     residual: np.ndarray | None = None
    ...     __repr__ = short_repr
    >>> Drawn(np.zeros((500, 4)), tuple("abcdef"))
    Drawn(values=float64[500, 4], names=('a', 'b', 'c', ... 6 in all))
    """
    fields = [
        f"{field.name}={_field_repr(getattr(thing, field.name))}"
        for field in dataclasses.fields(thing)
        if field.repr and not _is_left_out(getattr(thing, field.name), field.default)
    ]
    return f"{type(thing).__qualname__}({', '.join(fields)})"


def _is_left_out(value: Any, default: Any) -> bool:
    return value is None or (type(value) is type(default) and not hasattr(value, "shape") and bool(value == default))


def array_repr(value: Any) -> str:
    """`float32[20, 4]`, or `int64(3)` for a single number; "" for what is no array or tensor."""
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is None or dtype is None:
        return ""
    kind = str(dtype).removeprefix("torch.")
    return f"{kind}{list(shape)}" if shape else f"{kind}({value})"


def value_repr(value: Any) -> str:
    """The repr of a single value, cut in the middle where it is long."""
    return repr(value) if dataclasses.is_dataclass(value) else short_text(repr(value))


def short_text(text: str) -> str:
    """A text of at most `LONGEST` characters, the middle left out."""
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[:half]}...{text[3 - half :]}"


def _field_repr(value: Any) -> str:
    if array := array_repr(value):
        return array
    if isinstance(value, Mapping):
        return f"{{{_some([f'{key!r}: {_field_repr(value[key])}' for key in list(value)[:MOST]], len(value))}}}"
    if isinstance(value, (tuple, list)):
        ends = "()" if isinstance(value, tuple) else "[]"
        single = "," if isinstance(value, tuple) and len(value) == 1 else ""
        return f"{ends[0]}{_some([_field_repr(entry) for entry in value[:MOST]], len(value))}{single}{ends[1]}"
    return value_repr(value)


def _some(entries: list[str], count: int) -> str:
    return ", ".join(entries) if count <= MOST else ", ".join([*entries[: MOST - 1], f"... {count} in all"])
