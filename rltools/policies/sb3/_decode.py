"""What the records of a pickle mean: arrays and spaces, built from checked values."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete

from rltools.errors import ArgumentError
from rltools.policies.sb3._unpickle import Record

_DTYPE = re.compile(r"[biuf][1248]|\?|bool|u?int(8|16|32|64)|float(16|32|64)")


def decode_space(record: Any) -> Box | Discrete:
    """A space that was pickled.

    Raises:
        ArgumentError: another space than Box and Discrete.
        ValueError: not a space.
    """
    if not isinstance(record, Record) or not record.qualified.startswith("gymnasium.spaces."):
        raise ValueError("not a space")
    kind = record.qualified.rpartition(".")[2]
    if kind not in ("Box", "Discrete"):
        raise ArgumentError(f"it has a {kind} space, which is not supported; spaces must be Box or Discrete")
    state = dict(record.state)
    if kind == "Discrete":
        return Discrete(_integer(state["n"]), start=_integer(state.get("start", 0)))
    dtype = decode_dtype(state["dtype"])
    low, high = (decode_array(state[bound]).astype(dtype) for bound in ("low", "high"))
    if low.shape != high.shape:
        raise ValueError(f"bounds of shapes {low.shape} and {high.shape}")
    return Box(low, high, dtype=dtype.type)


def decode_array(record: Any) -> np.ndarray:
    """An array or a number that was pickled; its size is that of the bytes that were there.

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
    """A dtype that was pickled.

    Raises:
        ValueError: anything but plain numbers.
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
