"""Checkpoint folders of TorchRL: a manifest, and for each component its tensors as raw numbers in files.

A component's `state.json` says which key of its state dict is in which file, and `state/meta.json` the shape and the
type of the numbers in each. Components with other payloads (`torch.save` among them) are left out.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rltools._util.foreign_files import MIB, is_file, is_folder
from rltools.errors import ModelError, UnsafeFileError
from rltools.policies.saved.formats._plain import inside
from rltools.policies.saved.rebuilt import Contents
from rltools.policies.saved.settings import MAX_DEPTH, MAX_SETTINGS, json_object
from rltools.policies.untrusted.messages import printable
from rltools.policies.untrusted.zips import read_file

MANIFEST, FORMAT = "manifest.json", "torchrl.checkpoint"
MAX_TENSOR = 192 * MIB
_DTYPES = {f"torch.{name}": getattr(torch, name) for name in ["float16", "bfloat16", "float32", "float64"]}
_DTYPES |= {f"torch.{name}": getattr(torch, name) for name in ["uint8", "int8", "int16", "int32", "int64", "bool"]}
_NAME = re.compile(r"tensor_\d{8}")


def reads(path: Path, head: bytes) -> bool:
    """Whether it is a folder with a manifest that names the format."""
    if not (is_folder(path) and is_file(path / MANIFEST) and is_folder(path / "components")):
        return False
    with (path / MANIFEST).open("rb") as stream:
        return FORMAT.encode() in stream.read(MIB)


def read(path: Path) -> Contents:
    """The tensors of all components that are state dicts, each under the component's name.

    Those of a single component, or of one called `policy` or `actor`, are under no name.

    Raises:
        ModelError: damaged, or no component is a state dict.
        UnsafeFileError: a link or a path leads out of it, or a file is larger than tensors are.
    """
    folder = _Folder(path)
    try:
        folder.add_components()
    except (ModelError, UnsafeFileError):
        raise
    # What a damaged or hostile manifest holds can fail to be what it seems in any of Python's ways.
    except Exception as error:
        raise ModelError(
            f"{path} is no checkpoint of TorchRL ({type(error).__name__}: {printable(error)}); save it again"
        ) from error
    if not folder.tensors:
        raise ModelError(
            f"{path} has {', '.join(map(printable, folder.left_out)) or 'no components'}, and no state dict saved as a "
            f"directory; save the policy with Checkpoint(policy=policy).save(...)"
        )
    return Contents(path, "TorchRL checkpoint", folder.tensors, {}, folder.digest.hexdigest(), tuple(folder.left_out))


@dataclass
class _Folder:
    """What was read of a folder so far.

    Attributes:
        root: the folder.
        tensors: see `Contents`.
        left_out: see `Contents`.
        digest: of everything that was read.
    """

    root: Path
    tensors: dict[str, Tensor] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    digest: Any = field(default_factory=hashlib.sha256)

    def add_components(self) -> None:
        """Add the tensors of every component that has any."""
        components = self._json(self.root / MANIFEST)["components"]
        states = {name: self._state(part) for name, part in components.items()}
        with_tensors = [name for name, tensors in states.items() if tensors]
        alone = with_tensors if len(with_tensors) == 1 else [name for name in ("policy", "actor") if states.get(name)]
        for name, tensors in states.items():
            if not tensors:
                self.left_out.append(f"{printable(name)}: a component without a state dict in a directory")
            for key, tensor in tensors.items():
                self.tensors[key if name in alone[:1] else f"{name}.{key}"] = tensor

    def _state(self, component: dict[str, Any]) -> dict[str, Tensor]:
        """The tensors of a component by the keys of its state dict; none if it is saved in another way."""
        folder = inside(self.root / str(component["path"]), self.root)
        if not (is_file(folder / "state.json") and is_file(folder / "state" / "meta.json")):
            return {}
        names = dict(_names("", self._json(folder / "state.json"), folder / "state.json"))
        about = self._json(folder / "state" / "meta.json")
        return {key: self._tensor(folder / "state", name, about[name]) for key, name in names.items()}

    def _tensor(self, folder: Path, name: str, about: dict[str, Any]) -> Tensor:
        if not _NAME.fullmatch(name):
            raise ModelError(f"{folder} has a tensor of the file {printable(name)}, not tensor_NUMBER; save it again")
        dtype, shape = _DTYPES.get(str(about["dtype"])), about["shape"]
        if dtype is None or len(shape) > 8 or not all(type(length) is int and length >= 0 for length in shape):
            raise ModelError(f"{folder / name} has the type {printable(about['dtype'])}, shape {printable(shape)}")
        content = self._bytes(folder / f"{name}.memmap", MAX_TENSOR)
        count = math.prod(shape)
        if len(content) != count * dtype.itemsize:
            raise ModelError(
                f"{folder / name}.memmap has {len(content)} bytes, not {count * dtype.itemsize} of its shape; save the "
                f"checkpoint again"
            )
        if not count:
            return torch.zeros(shape, dtype=dtype)
        return torch.frombuffer(bytearray(content), dtype=dtype).reshape(shape)

    def _json(self, path: Path) -> dict[str, Any]:
        return json_object(self._bytes(path, MAX_SETTINGS), str(path))

    def _bytes(self, path: Path, limit: int) -> bytes:
        content = read_file(inside(path, self.root), limit)
        self.digest.update(hashlib.sha256(content).digest())
        return content


def _names(prefix: str, schema: dict[str, Any], where: Path, depth: int = 0) -> list[tuple[str, str]]:
    """The key of each tensor in a state dict, and the name of its file."""
    if depth > MAX_DEPTH:
        raise ModelError(
            f"{where} is a state dict of more than {MAX_DEPTH} levels, which no network has; save it again"
        )
    if schema["kind"] == "tensor":
        return [(prefix, str(schema["key"]))]
    if schema["kind"] not in ("dict", "ordered_dict"):
        return []
    names: list[tuple[str, str]] = []
    for key, value in schema["items"]:
        name = str(key["value"])
        names += _names(f"{prefix}.{name}" if prefix else name, value, where, depth + 1)
    return names
