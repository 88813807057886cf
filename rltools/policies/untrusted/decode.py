"""Decodes the records of a pickle into arrays and spaces, from checked values."""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
from gymnasium import Space
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete

from rltools.errors import ArgumentError
from rltools.policies.untrusted.pickles import Record

MAX_CHOICES = 1_000_000
MAX_SPACES = 1024
MAX_DEPTH = 8
_DTYPE = re.compile(r"[biuf][1248]|\?|bool|u?int(8|16|32|64)|float(16|32|64)")


def decode_space(record: Any) -> Space[Any]:
    """Decode a pickled space.

    Raises:
        ArgumentError: a space other than Box, Discrete, MultiDiscrete, MultiBinary and Dict.
        ValueError: not a space, or more choices or spaces than any model has.
    """
    return _space(record, iter(range(MAX_SPACES)), MAX_DEPTH)


def _space(record: Any, budget: Iterator[int], depth: int) -> Space[Any]:
    if next(budget, None) is None or depth == 0:
        raise ValueError(f"more than {MAX_SPACES} spaces, or {MAX_DEPTH} inside each other")
    if not isinstance(record, Record) or not record.qualified.startswith("gymnasium.spaces."):
        raise ValueError("not a space")
    kind, state = record.qualified.rpartition(".")[2], dict(record.state)
    if kind == "Dict":
        parts = state["spaces"]
        if not isinstance(parts, dict) or not all(isinstance(key, str) for key in parts):
            raise ValueError("a Dict whose keys are not strings")
        # A network concatenates the parts in this order. Gymnasium would sort any other mapping.
        return Dict(OrderedDict((key, _space(part, budget, depth - 1)) for key, part in parts.items()))
    if kind == "Discrete":
        (count,) = _counts(state["n"])
        return Discrete(count, start=_integer(state.get("start", 0)))
    if kind == "MultiDiscrete":
        sizes = decode_array(state["nvec"])
        _counts(sizes)
        start = decode_array(state["start"]) if "start" in state else None
        return MultiDiscrete(sizes, dtype=decode_dtype(state["dtype"]).type, start=start)
    if kind == "MultiBinary":
        shape = state["n"]
        lengths = _counts(*shape) if isinstance(shape, (tuple, list)) else _counts(shape)
        _counts(math.prod(lengths))
        return MultiBinary(lengths if isinstance(shape, (tuple, list)) else lengths[0])
    if kind == "Box":
        return _box(state)
    raise ArgumentError(
        f"it has a {kind} space, which is not supported; spaces must be Box, Discrete, MultiDiscrete, MultiBinary or "
        f"Dict"
    )


def _box(state: dict[Any, Any]) -> Box:
    dtype = decode_dtype(state["dtype"])
    low, high = (decode_array(state[bound]).astype(dtype) for bound in ("low", "high"))
    if low.shape != high.shape:
        raise ValueError(f"bounds of shapes {low.shape} and {high.shape}")
    if low.size == 0:
        raise ValueError(f"a Box of shape {low.shape}, without elements")
    return Box(low, high, dtype=dtype.type)


def _counts(*records: Any) -> list[int]:
    """Decode counts: positive integers whose sum is at most `MAX_CHOICES`."""
    decoded = []
    for record in records:
        counts = np.atleast_1d(record if isinstance(record, np.ndarray) else decode_array(record))
        if counts.dtype.kind not in "iu" or not counts.size or counts.min() < 1 or counts.max() > MAX_CHOICES:
            raise ValueError(f"numbers of choices that are not from 1 to {MAX_CHOICES:,}")
        decoded += [int(count) for count in counts.reshape(-1)]
    if sum(decoded) > MAX_CHOICES:
        raise ValueError(f"more than {MAX_CHOICES:,} choices")
    return decoded


def decode_array(record: Any) -> np.ndarray:
    """Decode a pickled array or number, no larger than the bytes in the file.

    Raises:
        ValueError: anything else.
    """
    if isinstance(record, (int, float)):
        return np.asarray(record)
    kind = record.qualified.rpartition(".")[2] if isinstance(record, Record) else type(record).__name__
    if kind == "_reconstruct":
        _, shape, dtype, fortran, content = record.state
        return _array(content, dtype, shape, "F" if fortran else "C")
    if kind == "_frombuffer":
        content, dtype, shape, order = record.args
        return _array(content, dtype, shape, order)
    if kind == "scalar":
        dtype, content = record.args
        return _array(content, dtype, (), "C")
    raise ValueError(f"{kind} where numbers belong")


def decode_dtype(record: Any) -> np.dtype[Any]:
    """Decode a pickled dtype.

    Raises:
        ValueError: a dtype that is not of plain numbers.
    """
    if isinstance(record, type) and issubclass(record, Record):
        name, order = record.qualified.removeprefix("numpy.").rstrip("_"), "="
    elif isinstance(record, Record) and record.qualified == "numpy.dtype":
        name, order = str(record.args[0]), record.state[1] if record.state else "="
    else:
        raise ValueError(f"{type(record).__name__} where a dtype belongs")
    if not _DTYPE.fullmatch(name) or order not in ("<", ">", "=", "|"):
        raise ValueError(f"dtype {name[:40]!r}")
    return np.dtype(name) if order in "=|" else np.dtype(order + np.dtype(name).str[1:])


def _array(content: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    if order not in ("C", "F") or not all(type(length) is int and length >= 0 for length in shape):
        raise ValueError(f"array of shape {shape}")
    decoded = decode_dtype(dtype)
    if math.prod(shape) * decoded.itemsize != len(content):
        raise ValueError(f"{len(content)} bytes for an array of shape {shape} and {decoded}")
    flat = np.frombuffer(bytes(content), decoded).astype(decoded.newbyteorder("="))
    return flat.reshape(shape, order=order)


def _integer(record: Any) -> int:
    array = decode_array(record)
    if array.shape != () or array.dtype.kind not in "iu":
        raise ValueError(f"{array!r} where an integer belongs")
    return int(array)
