"""A short `__repr__` for dataclasses that hold arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

LONGEST = 72
"""Characters of a text; the middle of a longer one is left out."""
MAX_ELEMENTS = 4
"""Elements of a sequence that are written."""


def short_repr(thing: Any) -> str:
    """The `__repr__` of a dataclass that holds arrays: `ActResult(actions=int64[20], scores=float32[20, 2])`.

    Arrays and tensors are written as dtype and shape, long texts and sequences are shortened, and fields that are None
    or equal to their default are left out.

    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> @dataclass
    ... class Samples:
    ...     values: np.ndarray
    ...     names: tuple[str, ...]
    ...     residual: np.ndarray | None = None
    ...     __repr__ = short_repr
    >>> Samples(np.zeros((500, 4)), tuple("abcdef"))
    Samples(values=float64[500, 4], names=('a', 'b', 'c', ... 6 in all))
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
    """`float32[20, 4]`, or `int64(3)` for a scalar; "" for anything but an array or a tensor."""
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is None or dtype is None:
        return ""
    kind = str(dtype).removeprefix("torch.")
    return f"{kind}{list(shape)}" if shape else f"{kind}({value})"


def value_repr(value: Any) -> str:
    """The repr of a value, with the middle left out if it is long."""
    return repr(value) if dataclasses.is_dataclass(value) else short_text(repr(value))


def short_text(text: str) -> str:
    """A text of at most `LONGEST` characters, with the middle left out if it is longer."""
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[:half]}...{text[3 - half :]}"


def _field_repr(value: Any) -> str:
    if array := array_repr(value):
        return array
    if isinstance(value, Mapping):
        pairs = [f"{key!r}: {_field_repr(value[key])}" for key in list(value)[:MAX_ELEMENTS]]
        return f"{{{_joined(pairs, len(value))}}}"
    if isinstance(value, (tuple, list)):
        ends = "()" if isinstance(value, tuple) else "[]"
        single = "," if isinstance(value, tuple) and len(value) == 1 else ""
        elements = [_field_repr(element) for element in value[:MAX_ELEMENTS]]
        return f"{ends[0]}{_joined(elements, len(value))}{single}{ends[1]}"
    return value_repr(value)


def _joined(elements: list[str], count: int) -> str:
    return (
        ", ".join(elements)
        if count <= MAX_ELEMENTS
        else ", ".join([*elements[: MAX_ELEMENTS - 1], f"... {count} in all"])
    )
