"""Encodes arrays and JSON for a page."""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

EXACT = 1_000_000
"""Arrays with more elements than this are rounded to 16 bits."""

_UNSAFE = re.compile("[<>&]")
_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def packed(values: np.ndarray) -> dict[str, Any]:
    """An array as float32, or as 16-bit integers with a scale if it is large; infinities become NaN."""
    if values.size > EXACT:
        return quantized(values, np.dtype("<i2"))
    plain = np.where(np.isfinite(values), values, np.nan)
    return _entry("f4", 1.0, np.ascontiguousarray(plain, "<f4"))


def quantized(values: np.ndarray, dtype: np.dtype[Any]) -> dict[str, Any]:
    """An array as signed integers with a scale that converts them back; the lowest integer stands for NaN.

    The rounding error is at most half the scale: 0.4 % of the largest absolute value in 8 bits, 0.0015 % in 16.
    """
    limits, flat = np.iinfo(dtype), values.reshape(-1)
    # In parts: floats and intermediate results of the whole array would take several times its memory.
    parts = [slice(start, start + EXACT) for start in range(0, flat.size, EXACT)]
    largest = max(
        (float(np.max(np.abs(flat[part]), initial=0.0, where=np.isfinite(flat[part]))) for part in parts), default=0.0
    )
    scale = largest / limits.max if largest > 0 else 1.0
    integers = np.empty(flat.size, dtype)
    for part in parts:
        exact = flat[part].astype(np.float64)
        steps = np.where(np.isfinite(exact), np.rint(np.nan_to_num(exact) / scale), limits.min)
        integers[part] = steps.clip(limits.min, limits.max)
    return _entry(dtype.str[-2:], scale, integers.reshape(values.shape))


def _entry(kind: str, scale: float, values: np.ndarray) -> dict[str, Any]:
    return {
        "kind": kind,
        "scale": scale,
        "shape": list(values.shape),
        "data": base64_of(np.ascontiguousarray(values).data),
    }


def base64_of(content: bytes | memoryview) -> str:
    """Bytes as base64 text."""
    return binascii.b2a_base64(content, newline=False).decode("ascii")


def script_json(content: dict[str, Any]) -> str:
    r"""JSON that may stand inside a `<script>` element: nothing in it can end the element or begin another.

    >>> script_json({"name": "</script>"})
    '{"name":"\\u003c/script\\u003e"}'
    """
    return "".join(script_json_parts(content))


def script_json_parts(content: dict[str, Any]) -> Iterator[str]:
    """The same in parts, so that large JSON is never in memory as a whole."""
    for part in json.JSONEncoder(allow_nan=False, separators=(",", ":")).iterencode(content):
        yield part.translate(_ESCAPES) if _UNSAFE.search(part) else part
