"""Parameters of flax in msgpack, as `flax.serialization.to_bytes` writes them: also CleanRL's models in JAX."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rltools.errors import ModelError
from rltools.policies.saved.formats._plain import read_msgpack
from rltools.policies.saved.rebuilt import Contents
from rltools.policies.untrusted.messages import printable
from rltools.policies.untrusted.zips import read_file

FORMAT = "msgpack of flax"
MAX_DEPTH, MAX_ENTRIES = 12, 20_000
_MAPPING = re.compile(rb"(?:[\x81-\x8f]|\xde..|\xdf....)(?:[\xa1-\xbf]|\xd9.)\w", re.DOTALL)
_ARRAY = re.compile(rb"(?:\xc7.|\xc8..|\xc9....)\x01\x93", re.DOTALL)
"""An extension of type 1 that begins with a list of three: shape, type and bytes of an array."""
_ENVIRONMENTS = ("args.env_id", "0.env_id")
"""Where CleanRL's arguments have the id of the environment."""
_PLAIN = (bool, int, float, str, type(None))


def reads(path: Path, head: bytes) -> bool:
    """Whether it begins with a mapping of names, and has an array of flax among its first bytes."""
    return _MAPPING.match(head) is not None and _ARRAY.search(head) is not None


def read(path: Path) -> Contents:
    """The arrays in the file, as tensors by the names on the way to them, and plain values.

    Raises:
        ModelError: damaged, or the package msgpack is missing.
        UnsafeFileError: larger than models are.
    """
    content = read_file(path)
    tree, tensors, values = read_msgpack(content, str(path)), dict[str, Tensor](), dict[str, Any]()
    if not isinstance(tree, Mapping):
        raise ModelError(f"{path} holds {type(tree).__name__}, no parameters by name; save them with flax again")
    waiting: list[tuple[str, Any, int]] = [("", tree, 0)]
    while waiting:
        key, value, depth = waiting.pop()
        if depth > MAX_DEPTH or len(tensors) + len(values) + len(waiting) > MAX_ENTRIES:
            raise ModelError(
                f"{path} has more than {MAX_ENTRIES:,} parameters, or some more than {MAX_DEPTH} levels deep; save the "
                f"parameters of one network"
            )
        if isinstance(value, np.ndarray):
            tensors[key] = torch.from_numpy(np.ascontiguousarray(value))
        elif isinstance(value, Mapping):
            waiting += [(f"{key}.{name}".lstrip("."), part, depth + 1) for name, part in reversed(list(value.items()))]
        elif isinstance(value, _PLAIN):
            values[key] = value
        elif isinstance(value, list):
            waiting += [(f"{key}.{number}", part, depth + 1) for number, part in enumerate(value)]
        else:
            raise ModelError(f"{path}: {printable(key)} is a {type(value).__name__}, no array; save it with flax again")
    named = [values.get(key) for key in _ENVIRONMENTS]
    environment = next((name for name in named if isinstance(name, str)), None)
    return Contents(path, FORMAT, tensors, values, hashlib.sha256(content).hexdigest(), environment=environment)
