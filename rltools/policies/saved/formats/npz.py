"""Arrays of NumPy by name (.npz); a pickle in it is refused."""

from __future__ import annotations

import hashlib
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rltools._util.foreign_files import ends_of
from rltools.errors import ModelError, UnsafeFileError
from rltools.policies.kinds import ARRAYS, HEAD, kind_in
from rltools.policies.saved.rebuilt import Contents
from rltools.policies.sb3.archive._pickle import printable
from rltools.policies.sb3.archive._zip import MAX_TOTAL, open_zip, read_file, read_member

_HEADERS: dict[tuple[int, int], Any] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_NUMBERS = "biuf"


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
    arrays = read_arrays(content, str(path))
    tensors = {name: _tensor(name, array, path) for name, array in arrays.items()}
    return Contents(path, "npz", tensors, {}, hashlib.sha256(content).hexdigest())


def read_arrays(content: bytes, where: str) -> dict[str, np.ndarray]:
    """The arrays in the bytes of an .npz by name, each no larger than its bytes.

    Raises:
        ModelError: damaged.
        UnsafeFileError: it holds a pickle, or would exhaust the machine.
    """
    with open_zip(content, where) as archive:
        return {
            name.removesuffix(".npy"): _array(read_member(archive, name, where, MAX_TOTAL), name, where)
            for name in archive.namelist()
        }


def _array(content: bytes, name: str, where: str) -> np.ndarray:
    stream = io.BytesIO(content)
    try:
        # NumPy's own function allocates what a header declares before it looks for the bytes.
        shape, is_fortran, dtype = _HEADERS[np.lib.format.read_magic(stream)](stream)
        if dtype.hasobject:
            raise UnsafeFileError(
                f"{where}: {printable(name)} holds Python objects, a pickle that may run code; it was NOT read. Save "
                f"arrays of numbers"
            )
        if math.prod(shape) * dtype.itemsize != len(content) - stream.tell():
            raise ValueError(f"{len(content) - stream.tell()} bytes for an array of shape {shape} and {dtype}")
        return np.frombuffer(content, dtype, offset=stream.tell()).reshape(shape, order="F" if is_fortran else "C")
    except UnsafeFileError:
        raise
    # The text of a header is parsed by Python, which fails in many ways.
    except Exception as error:
        raise ModelError(
            f"{where} is damaged at {printable(name)} ({type(error).__name__}: {printable(error)}); save it again"
        ) from error


def _tensor(name: str, array: np.ndarray, path: Path) -> Tensor:
    if array.dtype.kind not in _NUMBERS:
        raise ModelError(f"{path}: {printable(name)} holds {array.dtype}, and weights are numbers; give a file of them")
    return torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))
