"""Tensors in an ONNX file, and in the plain file beside it that may hold their numbers."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rltools._util.foreign_files import MIB, read_foreign
from rltools.errors import ModelError, UnsafeFileError
from rltools.policies.onnx._protobuf import Budget, Message
from rltools.policies.untrusted.messages import printable

MAX_FILE = 256 * MIB
MAX_AXES = 8
MAX_NAME = 120
_EXTERNAL = 1
_BFLOAT16 = 16
# By TensorProto.DataType: the type of raw data, and the field of the numbers that are not raw.
_TYPES: dict[int, tuple[str, int]] = {
    1: ("<f4", 4),
    2: ("u1", 5),
    3: ("i1", 5),
    4: ("<u2", 5),
    5: ("<i2", 5),
    6: ("<i4", 5),
    7: ("<i8", 7),
    9: ("?", 5),
    10: ("<f2", 5),
    11: ("<f8", 10),
    _BFLOAT16: ("<u2", 5),
}
INTEGERS = frozenset({2, 3, 4, 5, 6, 7, 9, 12, 13})
"""The types of integers and booleans."""
DTYPES = {
    1: torch.float32,
    2: torch.uint8,
    3: torch.int8,
    5: torch.int16,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float32,
    11: torch.float64,
    _BFLOAT16: torch.float32,
}
"""What a type becomes; narrow floats are widened, since networks compute in float32 here."""


class ExternalFiles:
    """The files beside an ONNX file that hold its larger tensors, each read at most once.

    Args:
        path: of the ONNX file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._contents: dict[str, bytes] = {}

    def part(self, location: str, offset: int, length: int | None) -> memoryview:
        """Some bytes of a file in the same folder.

        Raises:
            UnsafeFileError: a path instead of a plain name, a link, or a file that is too large.
            ModelError: it is missing or cut short.
        """
        is_plain = location == Path(location).name and not {"\\", "\0"} & set(location)
        if not is_plain or location in ("", ".", "..") or len(location) > MAX_NAME:
            raise UnsafeFileError(
                f"{self._path} keeps weights in {printable(location)!r}, which is not a plain file name in its own "
                f"folder; not read. Save the network with its weights inside, or in a file beside it"
            )
        if location not in self._contents:
            self._contents[location] = self._read(self._path.with_name(location))
        content = memoryview(self._contents[location])
        end = len(content) if length is None else offset + length
        if offset < 0 or not offset <= end <= len(content):
            raise ModelError(
                f"{self._path} keeps weights in bytes {offset:,} to {end:,} of {printable(location)!r}, which has "
                f"{len(content):,}; fetch both files again"
            )
        return content[offset:end]

    def _read(self, path: Path) -> bytes:
        if path.is_symlink() and path.resolve().parent != self._path.resolve().parent and not _is_cached(path):
            raise UnsafeFileError(
                f"{self._path} keeps weights in {printable(path.name)!r}, a link to another folder; not read. Put the "
                f"file itself there"
            )
        if not path.is_file() and not path.exists():
            raise ModelError(
                f"{self._path} keeps its weights in {printable(path.name)!r}, which is not beside it; put that file "
                f"into {path.parent}"
            )
        left = MAX_FILE - sum(map(len, self._contents.values()))
        try:
            return read_foreign(path, left, unreadable=ModelError, unfit=UnsafeFileError)
        except ModelError as error:
            raise type(error)(f"{self._path} keeps its weights in another file: {error}") from error

    def sha256(self, content: bytes) -> str:
        """The sha256 of the ONNX file with this content, and of what was read beside it."""
        digest = hashlib.sha256(content)
        for name in sorted(self._contents):
            digest.update(f"{name}\0".encode() + hashlib.sha256(self._contents[name]).digest())
        return digest.hexdigest()


def _is_cached(path: Path) -> bool:
    """Whether a link is one of those that the cache of Hugging Face's hub is made of."""
    target = path.resolve().parent
    return target.name == "blobs" and target.parent == path.parent.resolve().parent.parent


def tensor(message: Message, beside: ExternalFiles, budget: Budget) -> Tensor:
    """The tensor of a TensorProto; float16 and bfloat16 become float32.

    Raises:
        ModelError: a type that is not supported, or not as many numbers as its shape has.
        UnsafeFileError: see `ExternalFiles.part`.
    """
    name, kind, sizes = message.text(8), message.integer(2), message.ints(1)
    where = f"{budget.where}: the tensor {printable(name)!r}"
    if kind not in _TYPES:
        raise ModelError(
            f"{where} holds texts, complex numbers or quantized values (type {kind}); save the network in float32"
        )
    if len(sizes) > MAX_AXES or any(size < 0 for size in sizes):
        raise budget.damaged(f"the tensor {printable(name)!r} has the shape {printable(sizes)}")
    dtype, field = _TYPES[kind]
    count = math.prod(sizes)
    raw = message.content(9)
    if message.integer(14) == _EXTERNAL:
        raw = [_external(message, beside, count * np.dtype(dtype).itemsize, where)]
    if raw:
        if len(raw[-1]) != count * np.dtype(dtype).itemsize:
            raise budget.damaged(f"the tensor {printable(name)!r} has {len(raw[-1]):,} bytes for shape {sizes}")
        numbers = np.frombuffer(raw[-1], dtype=dtype)
    else:
        numbers = _numbers(message, field, dtype, kind)
        if len(numbers) != count:
            raise budget.damaged(f"the tensor {printable(name)!r} has {len(numbers):,} numbers for shape {sizes}")
    return _as_tensor(numbers, kind).reshape(sizes)


def _external(message: Message, beside: ExternalFiles, size: int, where: str) -> memoryview:
    """The bytes of a tensor whose numbers are in another file."""
    entries = {entry.text(1): entry.text(2) for entry in message.messages(13)}
    try:
        offset, length = int(entries.get("offset") or 0), int(entries.get("length") or size)
    except ValueError as error:
        raise ModelError(
            f"{where} says {printable(entries)} of where its numbers are; save the network again"
        ) from error
    return beside.part(entries.get("location", ""), offset, length)


def _numbers(message: Message, field: int, dtype: str, kind: int) -> np.ndarray:
    """The numbers of a tensor that are not raw data."""
    if field == 4:
        return np.array(message.floats(field), dtype=dtype)
    if field == 10:
        parts = [np.frombuffer(part, dtype=dtype) for part in message.content(field)]
        return np.concatenate(parts) if parts else np.zeros(0, dtype)
    integers = np.array(message.ints(field), dtype=np.int64)
    if kind == 10:  # a float16 by its bits
        return integers.astype(np.uint16).view("<f2")
    return integers.astype(dtype)


def _as_tensor(numbers: np.ndarray, kind: int) -> Tensor:
    if kind == _BFLOAT16:
        return torch.from_numpy(numbers.astype(np.uint16).view(np.int16).copy()).view(torch.bfloat16).float()
    wide = numbers.astype(np.int32) if kind == 4 else numbers  # torch hardly computes with uint16
    result = torch.from_numpy(np.array(wide))
    return result.float() if kind == 10 else result
