"""What a model's zip says, read without running anything in it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from gymnasium.spaces import Box, Discrete
from torch import Tensor

from rltools.errors import ArgumentError, ModelError, UnsafeFileError
from rltools.policies.sb3._decode import decode_space
from rltools.policies.sb3._unpickle import Record, unpickle
from rltools.policies.sb3._zip import MIB, open_zip, read_file, read_members

LIMITS = {"data": 32 * MIB, "policy.pth": 256 * MIB}
T = TypeVar("T")


@dataclass(frozen=True)
class Saved:
    """A model's zip.

    Attributes:
        path: the file.
        sha256: of the file.
        policy_class: its qualified name.
        policy_kwargs: plain data, with a record for each class that is named.
        observation_space: of the network: images channels first where they were transposed.
        action_space: of the environment.
        weights: of the network.
        settings: the readable part of everything else; nothing in it is decoded.
    """

    path: Path
    sha256: str
    policy_class: str
    policy_kwargs: dict[str, Any]
    observation_space: Box
    action_space: Box | Discrete
    weights: dict[str, Tensor]
    settings: dict[str, Any]


def read_saved(path: Path) -> Saved:
    """Read a model's zip.

    Raises:
        ModelError: missing, damaged or cut short, or not a model of Stable-Baselines3.
        UnsafeFileError: it wants to run code or to exhaust the machine; nothing was run.
        ArgumentError: spaces that are not supported.
    """
    content = read_file(path)
    members = read_members(content, str(path), tuple(LIMITS), LIMITS)
    settings = _read_json(members["data"], path)
    observation_space = _space(settings, "observation_space", path)
    if not isinstance(observation_space, Box):
        raise ArgumentError(f"{path}: observations of Discrete are not supported; they must be a Box")
    policy_class = _entry(settings, "policy_class", path)
    if not (isinstance(policy_class, type) and issubclass(policy_class, Record)):
        raise ModelError(f"{path}: policy_class is not a class; save the model again")
    kwargs = _entry(settings, "policy_kwargs", path) if settings.get("policy_kwargs") else {}
    if not isinstance(kwargs, dict) or not all(isinstance(key, str) for key in kwargs):
        raise ModelError(f"{path}: policy_kwargs are not `name: value`s; save the model again")
    return Saved(
        path,
        hashlib.sha256(content).hexdigest(),
        policy_class.qualified,
        kwargs,
        observation_space,
        _space(settings, "action_space", path),
        _read_weights(members["policy.pth"], f"{path}: policy.pth"),
        settings,
    )


def _read_json(content: bytes, path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: its entry 'data' is not JSON ({error}); save the model again") from error
    if not isinstance(settings, dict):
        raise ModelError(f"{path}: its entry 'data' holds no `name: value`s; save the model again")
    return settings


def _entry(settings: dict[str, Any], name: str, path: Path) -> Any:
    entry = settings.get(name)
    if not isinstance(entry, dict):
        raise ModelError(f"{path}: its entry 'data' has no {name}; it is not a model saved by Stable-Baselines3")
    if ":serialized:" not in entry:
        return entry
    try:
        content = base64.b64decode(entry[":serialized:"], validate=False)
    except (TypeError, ValueError, binascii.Error) as error:
        raise ModelError(f"{path}: {name} is damaged ({error}); save the model again") from error
    return unpickle(content, name, str(path))


def _space(settings: dict[str, Any], name: str, path: Path) -> Box | Discrete:
    record = _entry(settings, name, path)
    return meaning(lambda: decode_space(record), name, path)


def meaning(decode: Callable[[], T], entry: str, path: Path) -> T:
    """What `decode` makes of an entry of a file, its faults told as the file's.

    Raises:
        ModelError: it makes nothing of it.
        ArgumentError: it is something that is not supported.
    """
    try:
        return decode()
    except ArgumentError as error:
        raise ArgumentError(f"{path}: {error}") from None
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError, OverflowError) as error:
        raise ModelError(f"{path}: {entry} is not as Stable-Baselines3 writes it ({error}); save it again") from error


def _read_weights(content: bytes, where: str) -> dict[str, Tensor]:
    if content.startswith(b"PK"):  # torch before 1.6 wrote something else, which it still reads
        with open_zip(content, where) as archive:
            if any(member.compress_size != member.file_size for member in archive.infolist()):
                raise UnsafeFileError(f"{where} has packed members, which torch never writes; not read")
    try:
        weights = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error).partition("WeightsUnpickler error:")[2].strip().partition("\n")[0] or "not plain weights"
        raise UnsafeFileError(
            f"{where} wants more than weights: {reason.rstrip('.')}. It was NOT run. If you trust this file, load the "
            f"model yourself and give that: load_policy(PPO.load(...))"
        ) from error
    # torch fails on a damaged file in many ways; none of them has run anything.
    except Exception as error:
        raise ModelError(f"{where} is damaged ({type(error).__name__}: {error}); save the model again") from error
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise ModelError(f"{where} does not hold weights by name; save the model again")
    # Strides of zero let a few bytes stand for a tensor of any size.
    if sum(value.numel() * value.element_size() for value in weights.values()) > 4 * len(content):
        raise UnsafeFileError(f"{where} holds weights far larger than itself; not used")
    return weights
