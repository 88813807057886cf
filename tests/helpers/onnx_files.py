"""Writes ONNX files field by field, honest ones and others, without the package onnx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

FLOAT, INT64 = 1, 7
Shape = Sequence[int | str]


def varint(value: int) -> bytes:
    """A number of seven bits a byte."""
    value &= (1 << 64) - 1
    content = bytearray()
    while value >= 0x80:
        content.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*content, value])


def field(number: int, value: int | float | str | bytes) -> bytes:
    """A field of a message: a number, a float32, or bytes."""
    if isinstance(value, float):
        return varint(number << 3 | 5) + np.float32(value).tobytes()
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def tensor(values: Any, name: str = "", **changes: Any) -> bytes:
    """A TensorProto of raw data; `sizes`, `kind` and `raw` replace what the values say, `more` is put at its end."""
    array = np.asarray(values)
    array = array.astype(np.int64 if array.dtype.kind in "iu" else np.float32)
    kind = changes.get("kind", INT64 if array.dtype.kind == "i" else FLOAT)
    sizes = b"".join(field(1, size) for size in changes.get("sizes", array.shape))
    raw = changes.get("raw", array.tobytes())
    content = sizes + field(2, kind) + field(8, name) + (b"" if raw is None else field(9, raw))
    return content + bytes(changes.get("more", b""))


def attribute(name: str, value: Any) -> bytes:
    """An AttributeProto: a number, a text, a tensor (bytes), or a list of integers."""
    if isinstance(value, list):
        content, kind = b"".join(field(8, part) for part in value), 7
    elif isinstance(value, bytes):
        content, kind = field(5, value), 4
    elif isinstance(value, str):
        content, kind = field(4, value), 3
    else:
        content, kind = (field(2, value), 1) if isinstance(value, float) else (field(3, value), 2)
    return field(1, name) + content + field(20, kind)


def node(operator: str, inputs: Sequence[str], outputs: Sequence[str], domain: str = "", **settings: Any) -> bytes:
    """A NodeProto."""
    names = b"".join(field(1, name) for name in inputs) + b"".join(field(2, name) for name in outputs)
    attributes = b"".join(field(5, attribute(name, value)) for name, value in settings.items())
    return names + field(4, operator) + attributes + (field(7, domain) if domain else b"")


def port(name: str, shape: Shape | None, kind: int = FLOAT) -> bytes:
    """A ValueInfoProto of a tensor; a text is a size that is not fixed."""
    if shape is None:
        return field(1, name)
    sizes = b"".join(field(1, field(1, size) if isinstance(size, int) else field(2, size)) for size in shape)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, sizes)))


def model(
    nodes: Sequence[bytes],
    constants: Mapping[str, Any],
    inputs: Sequence[bytes] = (port("obs", ["batch", 4]),),
    outputs: Sequence[bytes] = (port("logits", ["batch", 2]),),
    version: int = 17,
) -> bytes:
    """A ModelProto; a constant is an array, or a TensorProto that was made already."""
    tensors = [value if isinstance(value, bytes) else tensor(value, name) for name, value in constants.items()]
    parts = [(1, nodes), (5, tensors), (11, inputs), (12, outputs)]
    graph = b"".join(field(number, content) for number, contents in parts for content in contents)
    return field(1, 8) + field(2, "by hand") + field(7, graph) + field(8, field(1, "") + field(2, version))


WEIGHTS = {"w": np.arange(8.0).reshape(4, 2) / 8, "b": np.array([0.5, -0.5])}
GEMM = node("Gemm", ["obs", "w", "b"], ["logits"])
