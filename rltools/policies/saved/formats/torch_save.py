"""Files that torch.save wrote, of any version: state dicts, checkpoints and whole modules, read as inert records.

`torch.load(weights_only=True)` would refuse checkpoints that also hold an optimizer's class or a log, and asks for
trust in their classes. Here nothing that a pickle names is looked up, so that all of them are read: the tensors and
plain values are taken, and whatever else is in the file is left out.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rltools._util.foreign_files import MIB, ends_of
from rltools.errors import ModelError, UnsafeFileError
from rltools.policies._known_kinds import STATE_DICT
from rltools.policies.kinds import HEAD, kind_in
from rltools.policies.saved.rebuilt import Contents
from rltools.policies.untrusted.decode import decode_array
from rltools.policies.untrusted.messages import printable
from rltools.policies.untrusted.opcodes import names_in
from rltools.policies.untrusted.pickles import Record, unpickle_as_records
from rltools.policies.untrusted.tensors import decode_tensor, dtype_of_storage, is_parameter, is_tensor
from rltools.policies.untrusted.weights import pickle_in
from rltools.policies.untrusted.zips import open_zip, read_file, read_member

READS_LAST = True
MAX_STORAGE = 192 * MIB
_PLAIN = (bool, int, float, str, type(None))
_ARRAYS = ("numpy.core.multiarray._reconstruct", "numpy.core.numeric._frombuffer")
_SCALAR = "numpy.core.multiarray.scalar"
# Before version 1.6: a magic number, a version, facts about the machine, the content, and the keys of storages.
_CONTENT, _KEYS, _PICKLES = 3, 4, 5


def reads(path: Path, head: bytes) -> bool:
    """Whether torch.save wrote the file; TorchScript and torch.export have zips of their own."""
    return kind_in(head, ends_of(path, HEAD)[1], path.suffix.lower()) is STATE_DICT


def read(path: Path) -> Contents:
    """The tensors and plain values in the file.

    Raises:
        ModelError: damaged.
        UnsafeFileError: it names a command, or would exhaust the machine; nothing was run.
    """
    return read_content(read_file(path), path)


def read_content(content: bytes, path: Path) -> Contents:
    """The tensors and plain values in what torch.save wrote, alone in a file or as a part of it.

    Raises:
        ModelError: damaged.
        UnsafeFileError: it names a command, or would exhaust the machine; nothing was run.
    """
    where = str(path)
    flat = _Flat(where, 2 * len(content) + MIB)
    try:
        if content.startswith(b"PK"):
            _read_zip(content, where, flat)
        else:
            _read_legacy(content, where, flat)
    except (ModelError, UnsafeFileError):
        raise
    # Records of a damaged or hostile file can fail to be what they seem in any of Python's and torch's ways.
    except Exception as error:
        raise ModelError(f"{where} is damaged ({type(error).__name__}: {printable(error)}); save it again") from error
    sha256 = hashlib.sha256(content).hexdigest()
    return Contents(path, "torch.save", flat.tensors, flat.values, sha256, tuple(flat.left_out))


def _read_zip(content: bytes, where: str, flat: _Flat) -> None:
    with open_zip(content, where) as archive:
        root, pickled = pickle_in(archive, where)
        order = f"{root}/byteorder"
        if order in archive.namelist() and read_member(archive, order, where, 16) != b"little":
            raise ModelError(f"{where} has numbers that are not little-endian; save it on another machine")
        flat.add(
            "",
            unpickle_as_records(pickled, "its pickle", where),
            lambda key: read_member(archive, f"{root}/data/{key}", where, MAX_STORAGE),
        )


def _read_legacy(content: bytes, where: str, flat: _Flat) -> None:
    stream, parts = io.BytesIO(content), []
    for number in range(_PICKLES):
        start = stream.tell()
        for _ in names_in(stream):
            pass
        parts.append(unpickle_as_records(content[start : stream.tell()], f"its pickle {number}", where))
    sizes = {int(key): size for key, size in _storages(parts[_CONTENT])}
    storages, position = {}, stream.tell()
    for key in map(int, parts[_KEYS]):
        count = int.from_bytes(content[position : position + 8], "little")
        start, position = position + 8, position + 8 + count * sizes[key]
        storages[key] = (start, position)
    flat.add("", parts[_CONTENT], lambda key: content[slice(*storages[key])])


def _storages(content: Any) -> Iterator[tuple[str, int]]:
    """The key of every storage in a legacy file, and how many bytes a number in it takes."""
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if is_tensor(value):
            _, kind, key, *_ = value.args[0]
            yield key, dtype_of_storage(kind).itemsize
        elif isinstance(value, Record):
            waiting += [value.args, value.state]
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, (list, tuple)):
            waiting += value


@dataclass
class _Flat:
    """Nested content, flattened while it is read.

    Attributes:
        where: the file, for errors.
        left: how many more bytes the tensors may have; by strides of zero a few bytes become a tensor of any size.
        tensors: see `Contents`.
        values: see `Contents`.
        left_out: see `Contents`.
    """

    where: str
    left: int
    tensors: dict[str, Tensor] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    _decoded: dict[Any, Tensor] = field(default_factory=dict)

    def add(self, key: str, value: Any, read_storage: Callable[[int], bytes]) -> None:
        """Add a value and everything in it under its key."""
        if is_parameter(value):
            value = value.args[0]
        if is_tensor(value):
            self._put(self.tensors, key, self._tensor(key, value, read_storage))
        elif isinstance(value, Record):
            self._add_record(key, value, read_storage)
        elif isinstance(value, Mapping):
            for name, part in value.items():
                self.add(f"{key}.{name}" if key else str(name), part, read_storage)
        elif isinstance(value, _PLAIN) or (
            isinstance(value, (list, tuple)) and all(isinstance(part, _PLAIN) for part in value)
        ):
            self._put(self.values, key, list(value) if isinstance(value, tuple) else value)
        elif isinstance(value, (list, tuple)):
            self.add(key, dict(enumerate(value)), read_storage)
        else:
            self.left_out.append(f"{key}: {_named(value)}")

    def _add_record(self, key: str, record: Record, read_storage: Callable[[int], bytes]) -> None:
        if record.qualified in _ARRAYS:
            self._put(self.tensors, key, torch.from_numpy(decode_array(record)))
        elif record.qualified == _SCALAR:
            self._put(self.values, key, decode_array(record).item())
        elif isinstance(record.state, dict) and {"_parameters", "_modules"} <= record.state.keys():
            # A module, pickled whole: the state dict of what is in it.
            for part in ("_parameters", "_buffers", "_modules"):
                present = {name: value for name, value in record.state.get(part, {}).items() if value is not None}
                self.add(key, present, read_storage)
        elif isinstance(record.state, dict):
            self.add(key, record.state, read_storage)
        else:
            self.left_out.append(f"{key}: {_named(record)}")

    def _tensor(self, key: str, record: Record, read_storage: Callable[[int], bytes]) -> Tensor:
        (_, kind, storage, *_), offset, shape, strides, *_ = record.args
        identity = kind.qualified, storage, offset, tuple(shape), tuple(strides)
        if identity not in self._decoded:  # networks may share weights
            tensor = decode_tensor(record, read_storage)
            self.left -= tensor.nbytes
            if self.left < 0:
                raise UnsafeFileError(
                    f"{self.where}: {printable(key)} is one of tensors far larger than their file; not used. Save the "
                    f"weights again"
                )
            self._decoded[identity] = tensor
        return self._decoded[identity]

    def _put(self, target: dict[str, Any], key: str, value: Any) -> None:
        if key in self.tensors or key in self.values:
            raise ModelError(f"{self.where}: {printable(key)} is in it twice, which no saved agent has; save it again")
        target[key] = value


def _named(value: Any) -> str:
    name = value.qualified if isinstance(value, Record) else getattr(value, "qualified", type(value).__name__)
    return printable(name)
