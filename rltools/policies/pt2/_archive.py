"""Reads the members of a .pt2 archive as torch.export.save writes it: JSON and raw numbers, never a pickle.

`torch.export.load` must not be given a file of unknown origin: it unpickles tensors with `weights_only=False`, custom
objects and sample inputs, and evaluates the texts of sizes with sympy. None of these is read here.
"""

from __future__ import annotations

import json
import math
import re
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from rltools._util.foreign_files import MIB
from rltools.errors import ModelError, UnsafeFileError
from rltools.policies.untrusted.messages import printable
from rltools.policies.untrusted.zips import open_zip, read_file, read_member

MAX_JSON = 8 * MIB
MAX_WEIGHT = 256 * MIB
MAX_AXES = 8
FORMAT, VERSION = b"pt2", b"0"
_PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_CONFIGS = {"weights": "model_weights_config.json", "constants": "model_constants_config.json"}
# By torch's numbers for the types of tensors in its JSON.
DTYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}
Size = Annotated[int, Field(ge=0, le=2**48)]


class Strict(BaseModel):
    """JSON of which nothing is converted; keys that are not needed are left out."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class _Fixed(Strict):
    """A size that is a number; one that is an expression has another key, and is refused."""

    as_int: Size


class _Meta(Strict):
    dtype: int
    sizes: list[_Fixed]
    strides: list[_Fixed]
    storage_offset: _Fixed


class _Payload(Strict):
    path_name: str
    use_pickle: bool
    tensor_meta: _Meta | None


class _Payloads(Strict):
    config: dict[str, _Payload]


@dataclass(frozen=True)
class Archive:
    """The members of a .pt2 archive that are needed.

    Attributes:
        path: of the file.
        content: its bytes.
        program: the JSON of the program.
        weights: parameters and buffers by name.
        constants: other tensors by name.
    """

    path: Path
    content: bytes
    program: Any
    weights: Mapping[str, Tensor]
    constants: Mapping[str, Tensor]


def read_archive(path: Path) -> Archive:
    """The program and the tensors in a .pt2 file.

    Raises:
        ModelError: damaged, no program of torch.export, or with several of them.
        UnsafeFileError: with tensors that only a pickle could restore, or far larger than policies are.
    """
    content, where = read_file(path), str(path)
    with open_zip(content, where) as archive:
        names = archive.namelist()
        if not names:
            raise ModelError(f"{where} is an empty zip; fetch or save it again")
        roots = {name.partition("/")[0] for name in names if "/" in name}
        if len(roots) != 1 or any("\\" in name or ".." in name or "\0" in name for name in names):
            raise UnsafeFileError(f"{where} holds members in several folders, or odd names; not read. Save it again")
        root = roots.pop()
        if f"{root}/archive_format" not in names:
            raise ModelError(
                f"{where} is not a program of torch.export: it lacks archive_format; save it again with "
                f"torch.export.save of PyTorch 2.9 or newer"
            )
        declared = read_member(archive, f"{root}/archive_format", where, 64)
        models = [name for name in names if name.startswith(f"{root}/models/") and name.endswith(".json")]
        if declared != FORMAT or models != [f"{root}/models/model.json"]:
            raise ModelError(
                f"{where} holds {len(models) or 'no'} programs of torch.export ({printable(declared)}), such as one "
                f"that was compiled to machine code; save a single one with torch.export.save"
            )
        if f"{root}/byteorder" in names and read_member(archive, f"{root}/byteorder", where, 64) != b"little":
            raise ModelError(f"{where} was saved on a big-endian machine; save it again on another one")
        return Archive(
            path=path,
            content=content,
            program=read_json(archive, models[0], where),
            weights=_tensors(archive, root, "weights", where),
            constants=_tensors(archive, root, "constants", where),
        )


def read_json(archive: zipfile.ZipFile, name: str, where: str) -> Any:
    """A member that is JSON.

    Raises:
        ModelError: it is not, or is nested too deeply.
    """
    try:
        return json.loads(read_member(archive, name, where, MAX_JSON))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{where}: {name} is no JSON ({printable(error)}); save the program again") from error


def _tensors(archive: zipfile.ZipFile, root: str, kind: str, where: str) -> dict[str, Tensor]:
    """The tensors of a kind by name, each from its raw numbers; several may share these."""
    config = f"{root}/data/{kind}/{_CONFIGS[kind]}"
    if config not in archive.namelist():
        raise ModelError(
            f"{where} lacks {config}, as programs saved by older versions of PyTorch do; save it again with "
            f"torch.export.save of PyTorch 2.9 or newer"
        )
    try:
        payloads = _Payloads.model_validate(read_json(archive, config, where))
    except ValidationError as error:
        raise ModelError(f"{where}: {config} has {fault(error)}; save the program again") from error
    tensors: dict[str, Tensor] = {}
    contents: dict[str, bytes] = {}
    left = MAX_WEIGHT
    for name, payload in payloads.config.items():
        tensors[name] = _tensor(archive, f"{root}/data/{kind}/", payload, contents, f"{where}: {printable(name)}")
        left -= tensors[name].nbytes  # many names may share a few bytes
        if left < 0:
            raise UnsafeFileError(f"{where} has over {MAX_WEIGHT:,} bytes of {kind}; not used. Save a smaller one")
    return tensors


def _tensor(archive: zipfile.ZipFile, folder: str, payload: _Payload, contents: dict[str, bytes], where: str) -> Tensor:
    """A tensor of raw numbers; `contents` are the members that were read already."""
    meta = payload.tensor_meta
    if payload.use_pickle or meta is None:
        raise UnsafeFileError(
            f"{where} is a pickled tensor of another class, or an object, which can run code when it is read; not "
            f"read. Save the program again with plain tensors"
        )
    if not _PLAIN.fullmatch(payload.path_name):
        raise UnsafeFileError(f"{where} is in {printable(payload.path_name)!r}, no plain name; not read. Save it again")
    if meta.dtype not in DTYPES:
        raise ModelError(f"{where} has the type {meta.dtype} (quantized or complex); save the program in float32")
    if payload.path_name not in contents:
        contents[payload.path_name] = read_member(archive, folder + payload.path_name, where, MAX_WEIGHT)
    content = contents[payload.path_name]
    sizes, strides = ([part.as_int for part in parts] for parts in (meta.sizes, meta.strides))
    dtype, offset = DTYPES[meta.dtype], meta.storage_offset.as_int
    last = offset + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=False))
    count, available = math.prod(sizes), len(content) // dtype.itemsize
    if len(sizes) != len(strides) or len(sizes) > MAX_AXES or (count and last >= available) or count > available:
        raise ModelError(
            f"{where} has the shape {printable(sizes)} with strides {printable(strides)}, and {available:,} numbers; "
            f"fetch or save the program again"
        )
    if not count:
        return torch.zeros(sizes, dtype=dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the bytes cannot be written to, and are copied at once
        numbers = torch.frombuffer(content, dtype=dtype, count=available)
    value = torch.as_strided(numbers, sizes, strides, offset).clone()
    return value.float() if value.is_floating_point() and dtype is not torch.float64 else value


def fault(error: ValidationError) -> str:
    """The first fault of JSON that is not as torch.export writes it."""
    first = error.errors()[0]
    return printable(f"at {'.'.join(map(str, first['loc']))[:200]}: {first['msg']}", 300)
