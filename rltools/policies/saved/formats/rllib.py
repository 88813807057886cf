"""Checkpoint folders of RLlib: the weights of one RLModule, and the statistics that normalize what it observes.

A folder also holds `class_and_ctor_args.pkl`, pickles of classes and of what they were called with. They are never
opened. The weights are a pickle or msgpack of NumPy arrays by name, of which nothing but arrays and numbers is made.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rltools._util.foreign_files import MIB, is_file, is_folder, path_exists
from rltools.errors import ModelError
from rltools.policies.saved.formats._plain import inside, read_msgpack, read_pickle
from rltools.policies.saved.rebuilt import Contents
from rltools.policies.untrusted.decode import decode_array
from rltools.policies.untrusted.messages import printable
from rltools.policies.untrusted.zips import read_file

STATES = ("module_state.pkl", "module_state.msgpack")
ROOT, OLD_STATE = "rllib_checkpoint.json", "policy_state.pkl"
MODULES = Path("learner_group", "learner", "rl_module")
CONNECTORS = Path("env_runner", "env_to_module_connector")
DEFAULT = "default_policy"
FILTER = "MeanStdFilter"
MAX_STATE, MAX_STATISTICS, MAX_METADATA = 192 * MIB, 8 * MIB, MIB
MOST_FOLDERS = 1000
_NPY = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '(?P<dtype><f[48])', "
    rb"'fortran_order': False, 'shape': \((?P<shape>[\d, ]{0,200})\), \}",
    re.DOTALL,
)
"""The start of a .npy of floating point numbers; NumPy itself has Python parse it."""
_UNCHANGING = {
    *("FlattenObservations", "AddObservationsFromEpisodesToBatch", "AddTimeDimToBatchAndZeroPad"),
    *("AddStatesFromEpisodesToBatch", "AgentToModuleMapping", "BatchIndividualItems", "NumpyToTensor"),
}
"""Connectors after which a network sees a vector of numbers as the environment gives it."""


def reads(path: Path, head: bytes) -> bool:
    """Whether it is a checkpoint of RLlib, a part of one, or the file of its weights."""
    if not is_folder(path):
        return path.name in STATES and bool(head)
    marks = (ROOT, *STATES, OLD_STATE)
    parts = [Path(*MODULES.parts[depth:]) for depth in range(len(MODULES.parts))]
    return any(path_exists(path / mark) for mark in marks) or any(is_folder(path / part) for part in parts)


def read(path: Path) -> Contents:
    """The weights of the RLModule in a checkpoint, with `observation_filter.mean`, `.std` and `.limit` if it has these.

    Args:
        path: the folder of an Algorithm, a Learner or a module, or the file of a module's weights.

    Raises:
        ModelError: damaged, without an RLModule, with several, or with connectors whose work is not done here.
        UnsafeFileError: it would run code or exhaust the machine, or a link leads out of it; nothing was run.
    """
    root = path if is_folder(path) else path.parent
    module = _module_folder(root)
    checkpoint = _checkpoint_of(module)
    flat = _Flat(checkpoint or root)
    state = next((module / name for name in STATES if path_exists(module / name)), None)
    if state is None:
        raise ModelError(f"{path} has no weights of an RLModule ({' or '.join(STATES)} in {module}); {_WHICH}")
    flat.add_weights(state)
    flat.add_metadata(module / "metadata.json")
    if checkpoint is not None:
        flat.add_connectors(checkpoint / CONNECTORS)
    return Contents(path, "an RLlib checkpoint", flat.tensors, flat.values, flat.digest.hexdigest())


_WHICH = (
    "give the folder that Algorithm.save_to_path() wrote, or the one of a module, "
    f"CHECKPOINT/{MODULES.as_posix()}/{DEFAULT}. If it was saved without its learners, save it again with "
    "algorithm.get_module().save_to_path(PATH), and give PATH"
)


def _module_folder(root: Path) -> Path:
    """The folder of the only RLModule, or of the default one, in a checkpoint.

    Raises:
        ModelError: there is none, or several; or the checkpoint is of the API before RLModules.
    """
    if any(path_exists(root / name) for name in STATES) and not _modules_in(root):
        return root
    if path_exists(root / "policies") or path_exists(root / OLD_STATE):
        raise ModelError(
            f"{root} is a checkpoint of RLlib's old API, whose policy_state.pkl is a pickle of its own classes; it was "
            f"not read. Save the weights with RLlib: torch.save(algorithm.get_policy().model.state_dict(), PATH), and "
            f"give rltools.TorchPolicy around a network with these"
        )
    parts = MODULES.parts
    for depth in range(len(parts) + 1):
        folder = root.joinpath(*parts[depth:])
        if is_folder(folder) and (modules := _modules_in(folder)):
            break
    else:
        raise ModelError(f"{root} has no RLModule; {_WHICH}")
    if len(modules) > 1:
        names = ", ".join(printable(module.name) for module in modules[:8])
        raise ModelError(
            f"{root} has {len(modules)} RLModules, {names}: give the folder of one, for instance {modules[0]}"
        )
    return modules[0]


def _modules_in(folder: Path) -> list[Path]:
    """The folders in a folder that have the weights of a module."""
    return [child for child in _folders(folder) if any(path_exists(child / name) for name in STATES)]


def _folders(folder: Path) -> list[Path]:
    try:
        children = [child for child, _ in zip(folder.iterdir(), range(MOST_FOLDERS), strict=False)]
    except OSError as error:
        raise ModelError(f"{folder} cannot be read: {error.strerror}; give a readable folder") from error
    return sorted(child for child in children if is_folder(child))


def _checkpoint_of(module: Path) -> Path | None:
    """The folder of the Algorithm that a module's folder is in; None if it is on its own."""
    above = module.absolute().parents
    depth = len(MODULES.parts)
    if len(above) <= depth or tuple(part.name for part in reversed(above[:depth])) != MODULES.parts:
        return None
    return above[depth] if is_file(above[depth] / ROOT) else None


@dataclass
class _Flat:
    """What was read so far.

    Attributes:
        root: the folder that no link may lead out of.
        tensors: see `Contents`.
        values: see `Contents`.
        digest: of everything that was read.
    """

    root: Path
    tensors: dict[str, Tensor] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    digest: Any = field(default_factory=hashlib.sha256)

    def read(self, path: Path, limit: int) -> bytes:
        """The bytes of a file in the folder, which count into the digest."""
        content = read_file(inside(path, self.root), limit)
        self.digest.update(hashlib.sha256(content).digest())
        return content

    def add_weights(self, path: Path) -> None:
        """Add a module's weights, arrays by name.

        Raises:
            ModelError: damaged, or something other than arrays.
            UnsafeFileError: a pickle that names more than arrays.
        """
        arrays = self._loaded(path, MAX_STATE)
        if not isinstance(arrays, dict) or not arrays or not all(isinstance(name, str) for name in arrays):
            raise ModelError(f"{path} holds no arrays by name, as an RLModule's state is; {_WHICH}")
        for name, array in arrays.items():
            self.tensors[name] = torch.from_numpy(_numbers(array, name, path))

    def add_metadata(self, path: Path) -> None:
        """Add the version of ray that saved the folder."""
        if not path_exists(path):
            return
        try:
            data = json.loads(self.read(path, MAX_METADATA).decode("utf-8", "replace"))
            version = data["ray_version"]
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise ModelError(f"{path} is not as RLlib writes it ({printable(error)}); save it again") from error
        self.values["ray_version"] = printable(version)

    def add_connectors(self, folder: Path) -> None:
        """Add the statistics of a filter of observations.

        Raises:
            ModelError: other connectors, which change what the module observes, or an odd filter.
        """
        names = [child.name for child in _folders(folder)] if is_folder(folder) else []
        if others := [name for name in names if name != FILTER and name not in _UNCHANGING]:
            raise ModelError(
                f"{folder} has {', '.join(printable(name) for name in others[:4])}, connectors between environment and "
                f"module that are not applied here; copy the folder of the module ({MODULES.as_posix()}/NAME) "
                f"elsewhere, give that, and as env= an environment that observes what the module sees"
            )
        if FILTER not in names:
            return
        states = [folder / FILTER / name for name in ("state.pkl", "state.msgpack")]
        path = next((state for state in states if path_exists(state)), states[0])
        try:
            (state,) = self._loaded(path, MAX_STATISTICS).values()
            (running,) = state["running_stats"]
            count, mean, squares = int(running["num_pushes"]), *map(_packed, _moments(running))
            if mean.shape != squares.shape or not (np.isfinite(mean).all() and np.isfinite(squares).all()):
                raise ValueError(f"moments of shapes {mean.shape} and {squares.shape}")
            limit = float(state["clip_by_value"] or np.inf)
            # In single precision, and with 1e-8, as RLlib has it.
            variance = (squares / max(count - 1, 1) if count > 1 else 0 * squares).astype(np.float32)
            std = np.sqrt(np.maximum(0, variance)).astype(np.float64) + 1e-8
            self.tensors["observation_filter.mean"] = torch.from_numpy(
                mean if state["de_mean_to_zero"] else np.zeros_like(mean)
            )
            self.tensors["observation_filter.std"] = torch.from_numpy(
                std if state["de_std_to_one"] else np.ones_like(std)
            )
            self.tensors["observation_filter.limit"] = torch.full(mean.shape, limit, dtype=torch.float64)
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError, zlib.error, struct.error) as error:
            raise ModelError(
                f"{path} is not the state of a filter of one array of observations ({printable(error)}); copy the "
                f"folder of the module elsewhere, and give that with an environment that normalizes observations"
            ) from error

    def _loaded(self, path: Path, limit: int) -> Any:
        content = self.read(path, limit)
        return (read_msgpack if path.suffix == ".msgpack" else read_pickle)(content, str(path))


def _numbers(array: Any, name: str, path: Path) -> np.ndarray:
    try:
        decoded: np.ndarray = array if isinstance(array, np.ndarray) else decode_array(array)
        if decoded.dtype.kind not in "biuf":
            raise ValueError(f"numbers of type {decoded.dtype}")
        return decoded
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise ModelError(
            f"{path}: {printable(name)} is not an array of numbers ({printable(error)}); save it again"
        ) from error


def _moments(running: Mapping[str, Any]) -> Iterator[str]:
    return (running[name] for name in ("mean_array", "sum_sq_diff_array"))


def _packed(text: str) -> np.ndarray:
    """The array in a text, which is a compressed .npy in base 64."""
    content = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), MAX_STATISTICS)
    match = _NPY.match(content)
    if match is None:
        raise ValueError("no array of floating point numbers")
    (length,) = struct.unpack("<H", content[8:10])
    shape, numbers = tuple(map(int, match["shape"].decode().replace(",", " ").split())), content[10 + length :]
    array = np.frombuffer(numbers, match["dtype"].decode())
    if math.prod(shape) != array.size:
        raise ValueError(f"{array.size} numbers for an array of shape {shape}")
    return array.astype(np.float64).reshape(shape)
