"""Plain data and arrays out of pickles and msgpack, of which nothing else can be made."""

from __future__ import annotations

import math
import os
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np

from rltools.errors import ModelError, UnsafeFileError
from rltools.policies.untrusted.messages import printable
from rltools.policies.untrusted.opcodes import names_in
from rltools.policies.untrusted.pickles import current_name, unpickle

MAX_LENGTH = 1 << 20
"""Most elements of one list or mapping in msgpack; a list takes memory for as many as it declares."""
_ARRAYS = re.compile(
    r"collections\.OrderedDict|_codecs\.encode"
    r"|numpy\.(dtype|ndarray|bool_?|u?int(8|16|32|64)|float(16|32|64))"
    r"|numpy\.core\.(multiarray\.(_reconstruct|scalar)|numeric\._frombuffer)"
)
_DTYPE = re.compile(r"[<>|=]?[biuf][1248]|bool|u?int(8|16|32|64)|float(16|32|64)|bfloat16")
_NDARRAY, _COMPLEX, _SCALAR = 1, 2, 3  # flax's extension types


def read_pickle(content: bytes, where: str) -> Any:
    """The dicts, lists, texts and numbers in a pickle; arrays are records, which `decode_array` takes.

    Raises:
        UnsafeFileError: it names anything but NumPy's arrays and OrderedDict; nothing was looked up or run.
        ModelError: damaged, or it expands far beyond its size.
    """
    names: list[str] = []
    try:
        names.extend(names_in(content))
    except Exception as error:  # as in `unpickle`, which repeats it
        fault: Exception | None = error
    else:
        fault = None
    for name in names:
        if not _ARRAYS.fullmatch(current_name(name)):
            raise UnsafeFileError(
                f"{where} wants {printable(name)}, and the weights of an RLModule are NumPy arrays alone; it was NOT "
                f"run. Do not use this file, or save the module again with RLlib's save_to_path()"
            )
    if fault is not None:
        raise ModelError(f"{where} is damaged ({type(fault).__name__}: {printable(fault)}); save it again") from fault
    return unpickle(content, "its pickle", where)


def read_msgpack(content: bytes, where: str) -> Any:
    """The plain data and arrays in msgpack, as flax and msgpack_numpy write them.

    Raises:
        ModelError: damaged, nested too deeply, of another extension type, or without the package msgpack.
        UnsafeFileError: lists longer than models have.
    """
    try:
        import msgpack
    except ImportError:
        raise ModelError(
            f'{where} needs msgpack to be read; install it: pip install "rltools-attribution[msgpack]"'
        ) from None
    try:
        # Each limit is of one object; all together cannot be more than the bytes, except for what a length reserves.
        return msgpack.unpackb(
            content,
            raw=False,
            strict_map_key=False,
            ext_hook=_extension,
            object_pairs_hook=_mapping,
            max_array_len=MAX_LENGTH,
            max_map_len=MAX_LENGTH,
        )
    # Its unpacker raises many kinds of errors on a damaged file, and a hook's own; none of them has run anything.
    except (ValueError, TypeError, LookupError, RecursionError, OverflowError, UnicodeError, struct.error) as error:
        reason = printable(error) or type(error).__name__
        raise ModelError(f"{where} is not the msgpack of a model's arrays ({reason}); save it again") from error


def inside(path: Path, root: Path) -> Path:
    """A path in a folder, if no link leads out of it.

    Raises:
        UnsafeFileError: one does.
    """
    # A hub's cache keeps files in `blobs` and links to them in `snapshots/<revision>`.
    snapshots = next((folder for folder in root.absolute().parents if folder.name == "snapshots"), None)
    allowed = (root,) if snapshots is None else (root, snapshots.parent / "blobs")
    target = Path(os.path.realpath(path))  # also resolves cyclic links
    if not any(target.is_relative_to(os.path.realpath(folder)) for folder in allowed):
        raise UnsafeFileError(f"{path} is a link to {target}, out of its folder; not read. Put the file itself there")
    return path


def _mapping(pairs: list[tuple[Any, Any]]) -> Any:
    """A mapping without duplicate keys, or the array that msgpack_numpy wrote as one."""
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError("a key is in it twice")
    # Its keys are bytes or texts, by how it was packed.
    by_name = {key.decode("latin1") if isinstance(key, bytes) else key: value for key, value in data.items()}
    if {"nd", "type", "data"} <= by_name.keys() and len(by_name) <= 5:
        shape = by_name.get("shape", ()) if by_name["nd"] else ()
        return _array(by_name["type"], tuple(shape), by_name["data"])
    return data


def _extension(code: int, content: bytes) -> Any:
    """An array or a number as flax packs it.

    Raises:
        ValueError: any other extension type, complex numbers included.
    """
    import msgpack

    if code not in (_NDARRAY, _SCALAR):
        kind = "complex numbers" if code == _COMPLEX else f"the extension type {code}"
        raise ValueError(f"{kind} in place of arrays of numbers")
    shape, dtype, data = msgpack.unpackb(
        content, raw=True, strict_map_key=True, max_array_len=64, max_map_len=0, max_ext_len=0
    )
    array = _array(dtype, tuple(shape), data)
    return array if code == _NDARRAY else array.reshape(()).item()


def _array(dtype: Any, shape: tuple[Any, ...], data: Any) -> np.ndarray:
    """An array of exactly the bytes that are there."""
    name = dtype.decode("latin1") if isinstance(dtype, bytes) else dtype
    if not isinstance(name, str) or not _DTYPE.fullmatch(name) or not isinstance(data, bytes):
        raise ValueError(f"an array of type {str(name)[:40]!r}")
    if len(shape) > 8 or not all(type(length) is int and length >= 0 for length in shape):
        raise ValueError(f"an array of shape {str(shape)[:80]}")
    half = name == "bfloat16"  # the upper half of a float32, which NumPy does not have
    stored = np.dtype(np.uint16 if half else name)
    if math.prod(shape) * stored.itemsize != len(data):
        raise ValueError(f"{len(data)} bytes for an array of shape {str(shape)[:80]} and {name}")
    flat = np.frombuffer(data, stored)
    if half:
        return (flat.astype(np.uint32) << 16).view(np.float32).reshape(shape)
    return flat.astype(stored.newbyteorder("=")).reshape(shape)
