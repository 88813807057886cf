"""The file of a policy alone, as `policy.save()` writes it, read without running anything in it.

It is a file of PyTorch whose pickle holds the weights and the arguments of the policy's class. It does not say which
class that is; the names of the weights and of the arguments do.
"""

from __future__ import annotations

import hashlib
import math
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rltools._util.foreign_files import MIB, ends_of
from rltools.errors import ModelError, UnsafeFileError
from rltools.policies.kinds import HEAD, POLICY_ALONE, kind_in
from rltools.policies.sb3.archive._decode import decode_space
from rltools.policies.sb3.archive._pickle import Record, unpickle
from rltools.policies.sb3.archive._weights import pickle_in
from rltools.policies.sb3.archive._zip import open_zip, read_file, read_member
from rltools.policies.sb3.archive.saved import Saved, meaning, without_training

MAX_STORAGE = 192 * MIB
_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "BoolStorage": torch.bool,
}
_ON_POLICY = "stable_baselines3.common.policies.ActorCriticPolicy"
# By what the names of weights begin with, and an argument that only this class has; the first that fits counts.
_CLASSES = (
    ("quantile_net.", "", "sb3_contrib.qrdqn.policies.QRDQNPolicy"),
    ("q_net.", "", "stable_baselines3.dqn.policies.DQNPolicy"),
    ("actor.latent_pi.", "batch_norm", "sb3_contrib.crossq.policies.CrossQPolicy"),
    ("actor.latent_pi.", "n_quantiles", "sb3_contrib.tqc.policies.TQCPolicy"),
    ("actor.latent_pi.", "", "stable_baselines3.sac.policies.SACPolicy"),
    ("actor.mu.", "", "stable_baselines3.td3.policies.TD3Policy"),
    ("value_net.", "use_sde", _ON_POLICY),
    ("value_net.", "", "sb3_contrib.common.maskable.policies.MaskableActorCriticPolicy"),
)


def is_policy_alone(path: Path) -> bool:
    """Whether a file is one."""
    head, tail = ends_of(path, HEAD)
    return head.startswith(b"PK") and kind_in(head, tail, path.suffix.lower()) is POLICY_ALONE


def read_policy_alone(path: Path) -> Saved:
    """Read the file of a policy alone.

    Raises:
        ModelError: damaged, or of a class that cannot be told.
        UnsafeFileError: it wants to run code or to exhaust the machine; nothing was run.
        ArgumentError: spaces that are not supported.
    """
    content = read_file(path)
    sha256 = hashlib.sha256(content).hexdigest()
    where = str(path)
    with open_zip(content, where) as archive:
        root, pickled = pickle_in(archive, where)
        whole = unpickle(pickled, "its pickle", where, sha256, _without_training)
        weights, kwargs = meaning(lambda: _parts(whole), "the pickle", path)
        tensors = meaning(lambda: _tensors(weights, archive, root, where), "state_dict", path)
    observed = meaning(lambda: decode_space(kwargs.pop("observation_space")), "observation_space", path)
    acted = meaning(lambda: decode_space(kwargs.pop("action_space")), "action_space", path)
    policy_class = _class_of(list(tensors), kwargs, path)
    return Saved(path, sha256, policy_class, kwargs | _unsaid(policy_class), observed, acted, tensors, {})


def _without_training(whole: Any) -> list[Any]:
    return without_training(whole.get("data")) if isinstance(whole, dict) else []


def _parts(whole: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    weights, kwargs = whole["state_dict"], whole["data"]
    for part in (weights, kwargs):
        if not isinstance(part, dict) or not all(isinstance(key, str) for key in part):
            raise ValueError("no `name: value`s")
    return weights, dict(kwargs)


def _class_of(names: list[str], kwargs: dict[str, Any], path: Path) -> str:
    if any(name.startswith("lstm_") for name in names):
        raise ModelError(
            f"{path} is the file of a recurrent policy alone, which does not say how large its memory is; give the "
            f"model's own .zip, written by model.save()"
        )
    if all(name.startswith("action_net.") for name in names):
        raise ModelError(
            f"{path} is the file of a policy of ARS alone, which does not say whether its actions are squashed; give "
            f"the model's own .zip, written by model.save()"
        )
    for start, argument, qualified in _CLASSES:
        if any(name.startswith(start) for name in names) and (not argument or argument in kwargs):
            return qualified
    raise ModelError(
        f"{path} is the file of a policy alone, and its weights do not reveal its class ({', '.join(names[:3])}, ...); "
        f"give the model's own .zip, written by model.save()"
    )


def _unsaid(policy_class: str) -> dict[str, Any]:
    """Arguments that such a file leaves out."""
    if policy_class == _ON_POLICY or "Maskable" in policy_class:
        # Two extractors that are one have equal weights, and do the same apart.
        return {"share_features_extractor": False}
    return {}


def _tensors(records: dict[str, Any], archive: zipfile.ZipFile, root: str, where: str) -> dict[str, Tensor]:
    members = {member.filename for member in archive.infolist()}
    order = f"{root}/byteorder"
    if order in members and read_member(archive, order, where, 16) != b"little":
        raise ValueError("numbers in another order of bytes")
    total, tensors = sum(member.file_size for member in archive.infolist()), {}
    for name, record in records.items():
        tensor = _tensor(record, archive, root, where)
        total -= tensor.numel() * tensor.element_size() // 4
        if total < 0:
            raise UnsafeFileError(f"{where} holds weights far larger than itself; not used. Save the model again")
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ModelError(f"{where}: {name:.80} holds NaN or infinity: its training diverged, or it is damaged")
        tensors[name] = tensor
    return tensors


def _tensor(record: Any, archive: zipfile.ZipFile, root: str, where: str) -> Tensor:
    if not isinstance(record, Record) or record.qualified != "torch._utils._rebuild_tensor_v2":
        raise ValueError("something else than weights among them")
    (_, kind, key, _, length), offset, shape, strides, *_ = record.args
    dtype = _DTYPES[kind.qualified.rpartition(".")[2]]
    if not all(type(number) is int and number >= 0 for number in (length, offset, *shape, *strides)):
        raise ValueError("a tensor of no shape")
    last = offset + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    if math.prod(shape) > length or (math.prod(shape) and last >= length):
        raise ValueError("a tensor that is larger than its numbers")
    content = read_member(archive, f"{root}/data/{int(key)}", where, MAX_STORAGE)
    if len(content) != length * dtype.itemsize:
        raise ValueError(f"{len(content)} bytes for {length} numbers")
    if not math.prod(shape):
        return torch.zeros(shape, dtype=dtype)
    return torch.frombuffer(bytearray(content), dtype=dtype).as_strided(shape, strides, offset).clone()
