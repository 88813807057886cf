"""Zips of SBX, which look like those of Stable-Baselines3 and hold a pickle of the whole policy with its JAX arrays.

The pickle names hundreds of functions of JAX and flax, and has the code of some. Nothing that it names is looked up:
all of it becomes inert records, out of which the parameters, and the names of a few settings, are read.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rltools._util.foreign_files import MIB
from rltools.errors import ArgumentError, ModelError
from rltools.policies.saved.rebuilt import Contents
from rltools.policies.sb3.archive._model_zip import read_members
from rltools.policies.sb3.archive._sbx import begins_as_sbx
from rltools.policies.sb3.archive.saved import LIMITS, read_settings
from rltools.policies.untrusted.decode import decode_array, decode_space
from rltools.policies.untrusted.messages import printable
from rltools.policies.untrusted.pickles import Record, unpickle_as_records
from rltools.policies.untrusted.zips import read_file

FORMAT = "a zip of SBX"
MAX_DEPTH, MAX_ARRAYS = 6, 2000
_STATE = re.compile(r"(?P<network>[a-z0-9]{1,8})_state")
_ARRAY = "jax._src.array._reconstruct_array"
_FROZEN = "flax.core.frozen_dict.FrozenDict"
_SETTINGS = ("net_arch_pi", "net_arch_qf", "dropout_rate", "use_sde", "batch_norm", "batch_norm_actor")


def reads(path: Path, head: bytes) -> bool:
    """Whether it is a zip that begins with the settings of a policy of SBX."""
    return begins_as_sbx(head)


def read(path: Path) -> Contents:
    """The parameters of its networks, `actor.params.Dense_0.kernel`, and what is known about them as values.

    Raises:
        ModelError: damaged, or not as SBX saves it.
        UnsafeFileError: it names a command, or would exhaust the machine; nothing was run.
        ArgumentError: unsupported spaces.
    """
    content, where = read_file(path), str(path)
    settings = read_settings(read_members(content, where, {"data": LIMITS["data"]})["data"], path)
    policy = _entry(settings, "policy", where)
    if not isinstance(policy, Record) or not isinstance(policy.state, dict):
        raise ModelError(f"{where}: its entry 'policy' is no policy of SBX; save the model again")
    try:
        tensors, values = dict(_tensors(policy.state)), dict(_values(policy, settings))
    except ArgumentError:
        raise
    # Records of a damaged or hostile file can fail to be what they seem in any of Python's ways.
    except Exception as error:
        raise ModelError(
            f"{where} is not as SBX saves it ({type(error).__name__}: {printable(error)}); save the model again"
        ) from error
    if not tensors:
        raise ModelError(f"{where} holds no parameters of a policy of SBX; save the model again")
    return Contents(path, FORMAT, tensors, values, hashlib.sha256(content).hexdigest())


def _entry(settings: Mapping[str, Any], name: str, where: str) -> Any:
    entry = settings.get(name)
    text = entry.get(":serialized:") if isinstance(entry, dict) else None
    if not isinstance(text, str):
        raise ModelError(f"{where}: its entry 'data' has no {name}; give a file that save() of SBX wrote")
    try:
        content = b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ModelError(f"{where}: its entry {name!r} is damaged ({error}); save the model again") from error
    if len(content) > LIMITS["data"]:
        raise ModelError(f"{where}: its entry {name!r} has {len(content) / MIB:.0f} MiB; save the model again")
    return unpickle_as_records(content, f"its entry {name!r}", where, is_tree=False)


def _tensors(state: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """The parameters and the statistics of every network of a policy."""
    budget = iter(range(MAX_ARRAYS))
    for name, record in state.items():
        match = _STATE.fullmatch(str(name))
        if match is None or not isinstance(record, Record) or not isinstance(record.state, dict):
            continue
        for kind in ("params", "batch_stats"):
            tree = _plain(record.state.get(kind, {}))
            tree = tree["params"] if isinstance(tree, dict) and set(tree) == {"params"} else tree
            for key, array in _leaves(tree, "", budget, MAX_DEPTH):
                yield f"{match['network']}.{kind}.{key}", torch.from_numpy(array)


def _leaves(tree: Any, key: str, budget: Iterator[int], depth: int) -> Iterator[tuple[str, np.ndarray]]:
    tree = _plain(tree)
    if isinstance(tree, dict):
        if not depth:
            raise ValueError(f"parameters more than {MAX_DEPTH} levels deep")
        for name, part in tree.items():
            if not isinstance(name, str) or not re.fullmatch(r"\w{1,80}", name):
                raise ValueError(f"parameters named {str(name)[:40]!r}")
            yield from _leaves(part, f"{key}.{name}".lstrip("."), budget, depth - 1)
        return
    if next(budget, None) is None:
        raise ValueError(f"more than {MAX_ARRAYS} parameters")
    array = _array(tree)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"parameters of type {array.dtype}")
    yield key, array.astype(np.float32) if array.dtype.kind == "f" else array


def _plain(tree: Any) -> Any:
    """A dict in place of flax's FrozenDict."""
    if isinstance(tree, Record) and tree.qualified == _FROZEN:
        return tree.args[0] if tree.args else tree.state["_dict"]
    return tree


def _array(record: Any) -> np.ndarray:
    """A JAX array as the NumPy array that it is pickled as, or a number."""
    if isinstance(record, Record) and record.qualified == _ARRAY:
        make, arguments, state, *_ = record.args
        if not (isinstance(make, type) and issubclass(make, Record)):
            raise ValueError("a JAX array that is not made of a NumPy array")
        record = make(*arguments)
        record.state = state
    return decode_array(record)


def _values(policy: Record, settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The names of the policy's classes and of its activation, its actions' bounds, and plain settings."""
    state = policy.state
    yield "policy_class", policy.qualified
    for name in ("actor_class", "critic_class", "vector_critic_class", "features_extractor_class"):
        value = state.get(name)
        if isinstance(value, type) and issubclass(value, Record):
            yield name, value.qualified
    yield "activation", _function_name(state.get("activation_fn"))
    yield "squash_output", state.get("_squash_output") is True
    for name in _SETTINGS:
        if isinstance(state.get(name), (bool, int, float, type(None))):
            yield name, state.get(name)
    for name in ("gamma",):
        if isinstance(settings.get(name), float):
            yield name, settings[name]
    for name in ("observation_space", "action_space"):
        space: Any = decode_space(state[name])
        yield f"{name}.text", str(space)[:300]
        if name == "action_space" and hasattr(space, "low"):
            yield f"{name}.low", [float(value) for value in space.low.reshape(-1)]
            yield f"{name}.high", [float(value) for value in space.high.reshape(-1)]


def _function_name(record: Any) -> str | None:
    """The name of a function of JAX, which is pickled with it; None for any other."""
    if isinstance(record, type) and issubclass(record, Record):
        return record.qualified.rpartition(".")[2]
    if isinstance(record, Record) and isinstance(record.state, dict):
        name = record.state.get("__name__", record.state.get("function_name"))
        return name if isinstance(name, str) and re.fullmatch(r"[a-z_0-9]{1,40}", name) else None
    return None
