"""Arrays of NumPy by name (.npz); a pickle in it is refused."""

from __future__ import annotations

import hashlib
import math
import re
from pathlib import Path

import numpy as np
import torch

from rltools._util.foreign_files import MIB, ends_of
from rltools.errors import ModelError, UnsafeFileError
from rltools.policies._known_kinds import ARRAYS
from rltools.policies.kinds import HEAD, kind_in
from rltools.policies.saved.rebuilt import Contents
from rltools.policies.untrusted.messages import printable
from rltools.policies.untrusted.zips import open_zip, read_file, read_member

READS_LAST = True
MAX_ARRAYS = 128 * MIB
"""Most bytes of all arrays: compressed ones take little of a file."""
# As NumPy writes headers; its own reader parses them as Python.
_HEADER = re.compile(
    r"\{'descr': (?P<dtype>.{1,200}?), 'fortran_order': (?P<is_fortran>True|False), "
    r"'shape': \((?P<shape>(?:\d{1,15}(?:, \d{1,15})*,?)?)\), \} *\n"
)
_DTYPE = re.compile(r"'(?P<name>[<>=|]?(?:[iu][1248]|f[248]|b1))'")
_LENGTHS = {b"\x01\x00": 2, b"\x02\x00": 4, b"\x03\x00": 4}
"""How many bytes say how long a header is, by the version of the format."""
_MAGIC, _LONGEST_HEADER, _MOST_AXES = b"\x93NUMPY", 1 << 12, 32


def reads(path: Path, head: bytes) -> bool:
    """Whether it is a zip of arrays and nothing else."""
    return kind_in(head, ends_of(path, HEAD)[1], path.suffix.lower()) is ARRAYS


def read(path: Path) -> Contents:
    """The arrays in the file, as tensors.

    Raises:
        ModelError: damaged.
        UnsafeFileError: it holds a pickle, or would exhaust the machine.
    """
    content = read_file(path)
    tensors = {name: torch.from_numpy(array) for name, array in read_arrays(content, str(path)).items()}
    return Contents(path, "npz", tensors, {}, hashlib.sha256(content).hexdigest())


def read_arrays(content: bytes, where: str) -> dict[str, np.ndarray]:
    """The arrays in the bytes of an .npz by name, each no larger than its bytes.

    Raises:
        ModelError: damaged.
        UnsafeFileError: it holds a pickle, or would exhaust the machine.
    """
    with open_zip(content, where) as archive:
        total = sum(member.file_size for member in archive.infolist())
        if total > MAX_ARRAYS:
            raise UnsafeFileError(f"{where} would unpack to {total:,} bytes, above {MAX_ARRAYS:,}; give a smaller file")
        return {
            name.removesuffix(".npy"): _array(read_member(archive, name, where, MAX_ARRAYS), name, where)
            for name in archive.namelist()
        }


def _array(content: bytes, name: str, where: str) -> np.ndarray:
    place = f"{where}: {printable(name)}"
    size = _LENGTHS.get(content[6:8], 0)
    start = 8 + size + int.from_bytes(content[8 : 8 + size], "little")
    header = _HEADER.fullmatch(content[8 + size : min(start, _LONGEST_HEADER)].decode("latin1"))
    if not content.startswith(_MAGIC) or header is None:
        raise ModelError(f"{place} is damaged, or no array as NumPy writes it; save it again")
    if "O" in header["dtype"]:
        raise UnsafeFileError(
            f"{place} holds Python objects, a pickle that may run code; it was NOT read. Save arrays of numbers"
        )
    numbers = _DTYPE.fullmatch(header["dtype"])
    if numbers is None:
        raise ModelError(f"{place} holds {printable(header['dtype'])}, and weights are numbers; give a file of them")
    dtype, shape = np.dtype(numbers["name"]), tuple(map(int, re.findall(r"\d+", header["shape"])))
    if math.prod(shape) * dtype.itemsize != len(content) - start or len(shape) > _MOST_AXES:
        raise ModelError(
            f"{place} is damaged: {max(0, len(content) - start):,} bytes for an array of shape {str(shape)[:80]} and "
            f"{dtype}; save it again"
        )
    array = np.frombuffer(content, dtype, offset=start).astype(dtype.newbyteorder("="))
    return array.reshape(shape, order="F" if header["is_fortran"] == "True" else "C")
