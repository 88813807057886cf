"""Reads the file of a policy alone, as `policy.save()` writes it, without running anything in it.

It is a PyTorch file whose pickle holds the weights and the arguments of the policy's class. It does not name the class,
which the families infer from the names of the weights and of the arguments.
"""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rltools._util.foreign_files import MIB, ends_of
from rltools.errors import ModelError, UnsafeFileError
from rltools.policies._known_kinds import POLICY_ALONE
from rltools.policies.kinds import HEAD, kind_in
from rltools.policies.sb3.archive.saved import Saved, decode_entry, without_training
from rltools.policies.sb3.families import class_of_weights, qualified_name
from rltools.policies.untrusted.decode import decode_space
from rltools.policies.untrusted.pickles import unpickle
from rltools.policies.untrusted.tensors import decode_tensor
from rltools.policies.untrusted.weights import pickle_in
from rltools.policies.untrusted.zips import open_zip, read_file, read_member

MAX_STORAGE = 192 * MIB


def is_policy_alone(path: Path) -> bool:
    """Whether a file holds a policy alone."""
    head, tail = ends_of(path, HEAD)
    return head.startswith(b"PK") and kind_in(head, tail, path.suffix.lower()) is POLICY_ALONE


def read_policy_alone(path: Path) -> Saved:
    """Read the file of a policy alone.

    Raises:
        ModelError: damaged, or of a class that cannot be inferred.
        UnsafeFileError: it would run code or exhaust the machine; nothing was run.
        ArgumentError: unsupported spaces.
    """
    file = read_file(path)
    sha256 = hashlib.sha256(file).hexdigest()
    where = str(path)
    with open_zip(file, where) as archive:
        root, pickled = pickle_in(archive, where)
        content = unpickle(pickled, "its pickle", where, sha256, _without_training)
        weights, kwargs = decode_entry(lambda: _parts(content), "the pickle", path)
        tensors = decode_entry(lambda: _tensors(weights, archive, root, where), "state_dict", path)
    observation_space = decode_entry(lambda: decode_space(kwargs.pop("observation_space")), "observation_space", path)
    action_space = decode_entry(lambda: decode_space(kwargs.pop("action_space")), "action_space", path)
    try:
        cls, unsaved = class_of_weights(list(tensors), kwargs)
    except LookupError as error:
        raise ModelError(
            f"{path} is the file of {error.args[0]}; give the model's own .zip, written by model.save()"
        ) from error
    name = qualified_name(cls)
    return Saved(path, sha256, name, kwargs | dict(unsaved), observation_space, action_space, tensors, {})


def _without_training(content: Any) -> list[Any]:
    return without_training(content.get("data")) if isinstance(content, dict) else []


def _parts(content: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    weights, kwargs = content["state_dict"], content["data"]
    for part in (weights, kwargs):
        if not isinstance(part, dict) or not all(isinstance(key, str) for key in part):
            raise ValueError("no `name: value`s")
    return weights, dict(kwargs)


def _tensors(records: dict[str, Any], archive: zipfile.ZipFile, root: str, where: str) -> dict[str, Tensor]:
    members = {member.filename for member in archive.infolist()}
    order = f"{root}/byteorder"
    if order in members and read_member(archive, order, where, 16) != b"little":
        raise ValueError("numbers that are not little-endian")
    total, tensors = sum(member.file_size for member in archive.infolist()), {}
    for name, record in records.items():
        tensor = decode_tensor(record, lambda key: read_member(archive, f"{root}/data/{key}", where, MAX_STORAGE))
        total -= tensor.numel() * tensor.element_size() // 4
        if total < 0:
            raise UnsafeFileError(f"{where} holds weights far larger than itself; not used. Save the model again")
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ModelError(f"{where}: {name:.80} holds NaN or infinity: its training diverged, or it is damaged")
        tensors[name] = tensor
    return tensors
