"""Decodes the tensors of a PyTorch file from the records in its pickle and the bytes of their storages."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rltools.policies.untrusted.pickles import Record

_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


def is_tensor(record: Any) -> bool:
    """Whether a record stands for a tensor."""
    return isinstance(record, Record) and record.qualified == "torch._utils._rebuild_tensor_v2"


def is_parameter(record: Any) -> bool:
    """Whether a record stands for a parameter, whose first argument is a tensor."""
    return isinstance(record, Record) and record.qualified == "torch._utils._rebuild_parameter"


def dtype_of_storage(kind: Any) -> torch.dtype:
    """The dtype of the numbers in a storage, by the record of its class.

    Raises:
        LookupError: an unknown class.
    """
    return _DTYPES[kind.qualified.rpartition(".")[2]]


def decode_tensor(record: Any, read_storage: Callable[[int], bytes]) -> Tensor:
    """Decode a tensor, which is copied out of its storage.

    Args:
        record: of the tensor.
        read_storage: from the key of a storage, a number, to its bytes.

    Raises:
        ValueError: something else, or a tensor that its storage does not hold.
        LookupError: an unknown type of numbers.
    """
    if not is_tensor(record):
        raise ValueError("something other than weights")
    (_, kind, key, _, length, *_), offset, shape, strides, *_ = record.args
    dtype = dtype_of_storage(kind)
    if not all(type(number) is int and number >= 0 for number in (length, offset, *shape, *strides)):
        raise ValueError("a tensor of an impossible shape")
    last = offset + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    if math.prod(shape) > length or (math.prod(shape) and last >= length):
        raise ValueError("a tensor larger than its storage")
    content = read_storage(int(key))
    if len(content) != length * dtype.itemsize:
        raise ValueError(f"{len(content)} bytes for {length} numbers")
    if not math.prod(shape):
        return torch.zeros(shape, dtype=dtype)
    return torch.frombuffer(bytearray(content), dtype=dtype).as_strided(shape, strides, offset).clone()
