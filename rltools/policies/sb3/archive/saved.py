"""Reads a model's zip without running anything in it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from gymnasium import Space
from torch import Tensor

from rltools._util.foreign_files import MIB
from rltools.errors import ArgumentError, ModelError, RltoolsError, UnsafeFileError
from rltools.policies.sb3.archive._model_zip import read_members, read_model
from rltools.policies.untrusted.decode import decode_space
from rltools.policies.untrusted.messages import how_to_trust, printable
from rltools.policies.untrusted.opcodes import names_in
from rltools.policies.untrusted.pickles import COMMANDS, Record, unpickle
from rltools.policies.untrusted.weights import names_in_pth, read_weights
from rltools.policies.untrusted.zips import open_zip, read_member

# Together with the file, at most half a gigabyte.
LIMITS = {"data": 32 * MIB, "policy.pth": 192 * MIB}
DECODED = ("policy_class", "policy_kwargs", "observation_space", "action_space")
UNNEEDED = ("device", "optimizer_class", "optimizer_kwargs", "lr_schedule")
"""Entries of policy_kwargs about training, which inference does not need."""
MAX_VALUES = 200_000
T = TypeVar("T")


@dataclass(frozen=True)
class Saved:
    """The content of a model's file.

    Attributes:
        path: the file.
        sha256: of the file.
        policy_class: its qualified name.
        policy_kwargs: plain data, with a record for each class it names.
        observation_space: of the network, with images channels first if they were transposed.
        action_space: of the environment.
        weights: of the network, by name.
        settings: the JSON of the algorithm; nothing in it is decoded.
    """

    path: Path
    sha256: str
    policy_class: str
    policy_kwargs: dict[str, Any]
    observation_space: Space[Any]
    action_space: Space[Any]
    weights: dict[str, Tensor]
    settings: dict[str, Any]


def read_saved(path: Path) -> Saved:
    """Read a model's zip.

    Raises:
        ModelError: missing, damaged or truncated, or not a model of Stable-Baselines3.
        UnsafeFileError: it would run code or exhaust the machine; nothing was run.
        ArgumentError: unsupported spaces.
    """
    content = read_model(path)
    sha256 = hashlib.sha256(content).hexdigest()
    settings = read_settings(read_members(content, str(path), {"data": LIMITS["data"]})["data"], path)
    _check_library(settings, path)
    members = read_members(content, str(path), {"policy.pth": LIMITS["policy.pth"]})
    check_unread(settings, content, str(path), sha256, DECODED)
    del content  # to free memory for the weights
    policy_class = saved_class(settings, path, sha256)
    kwargs = _entry(settings, "policy_kwargs", path, sha256, without_training) if settings.get("policy_kwargs") else {}
    if not isinstance(kwargs, dict) or not all(isinstance(key, str) for key in kwargs):
        raise ModelError(f"{path}: policy_kwargs are not `name: value`s; save the model again")
    return Saved(
        path,
        sha256,
        policy_class,
        kwargs,
        _space(settings, "observation_space", path, sha256),
        _space(settings, "action_space", path, sha256),
        read_weights(members["policy.pth"], f"{path}: policy.pth", sha256),
        settings,
    )


def saved_class(settings: dict[str, Any], path: Path, sha256: str) -> str:
    """The qualified name of the policy class in a zip's settings.

    Raises:
        ModelError: there is none.
        UnsafeFileError: it is not a class of the libraries; it was not imported.
    """
    record = _entry(settings, "policy_class", path, sha256)
    if not (isinstance(record, type) and issubclass(record, Record)):
        raise ModelError(f"{path}: policy_class is not a class; save the model again")
    return record.qualified


def read_settings(content: bytes, path: Path) -> dict[str, Any]:
    """Parse the JSON in a zip's entry `data`; its serialized values are not decoded.

    Raises:
        ModelError: it is not a JSON object.
        UnsafeFileError: it would expand to far more than its size.
    """
    if sum(map(content.count, (b"[", b"{", b","))) > MAX_VALUES:
        raise UnsafeFileError(
            f"{path}: its entry 'data' holds more than {MAX_VALUES:,} values, which no saved model does; not read. "
            f"Save the model again"
        )
    try:
        text = content.decode("utf-8", "surrogatepass")
        del content  # it can be large
        settings = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: its entry 'data' is not JSON ({printable(error)}); save the model again") from error
    if not isinstance(settings, dict):
        raise ModelError(f"{path}: its entry 'data' holds no `name: value`s; save the model again")
    return settings


def without_training(kwargs: Any) -> list[Any]:
    """Remove the arguments about training from the arguments of a policy; returns them."""
    return [kwargs.pop(name) for name in UNNEEDED if name in kwargs] if isinstance(kwargs, dict) else []


def _check_library(settings: dict[str, Any], path: Path) -> None:
    """Refuse a zip of SBX, which has the same layout with networks of JAX.

    Raises:
        ModelError: SBX wrote it.
    """
    try:
        names = list(names_in(base64.b64decode(settings["policy_class"][":serialized:"])))
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        OverflowError,
    ):  # read again later, with an error message
        return
    if any(name.startswith("sbx.") for name in names):
        raise ModelError(
            f"{path} is a model of SBX, whose networks use JAX, and not as SBX itself saves it; give the .zip that "
            f"model.save() wrote, by its path"
        )


def _entry(
    settings: dict[str, Any], name: str, path: Path, sha256: str, leave_out: Callable[[Any], list[Any]] | None = None
) -> Any:
    entry = settings.get(name)
    if not isinstance(entry, dict):
        raise ModelError(f"{path}: its entry 'data' has no {name}; give a file that save() of Stable-Baselines3 wrote")
    if ":serialized:" not in entry:
        return entry
    try:
        content = base64.b64decode(entry[":serialized:"], validate=False)
    except (TypeError, ValueError, binascii.Error) as error:
        raise ModelError(f"{path}: {name} is damaged ({error}); save the model again") from error
    return unpickle(content, name, str(path), sha256, leave_out)


def _space(settings: dict[str, Any], name: str, path: Path, sha256: str) -> Space[Any]:
    record = _entry(settings, name, path, sha256)
    return decode_entry(lambda: decode_space(record), name, path)


def decode_entry(decode: Callable[[], T], entry: str, path: Path) -> T:
    """The result of decoding an entry of a file; errors name the file and the entry.

    Raises:
        ModelError: it cannot be decoded.
        ArgumentError: it is not supported.
    """
    try:
        return decode()
    except ArgumentError as error:
        raise ArgumentError(f"{path}: {error}") from None
    except (ModelError, UnsafeFileError):
        raise
    # A hostile entry can make a decoder raise anything.
    except Exception as error:
        raise ModelError(
            f"{path}: {entry} is not as Stable-Baselines3 writes it ({printable(error)}); save it again"
        ) from error


MAX_PTH = 192 * MIB
_STEPS = 100_000


def check_unread(settings: dict[str, Any], content: bytes, where: str, sha256: str, decoded: Iterable[str]) -> None:
    """Refuse a model that names commands in an entry or a member that is never decoded here.

    The library's own `load` would decode it, so the user should know.

    Args:
        settings: the zip's JSON.
        content: the bytes of the zip.
        where: its name in errors.
        sha256: of the file.
        decoded: the entries that are decoded, and checked then.

    Raises:
        UnsafeFileError: it names commands; nothing was run.
    """
    for part, name in _names_undecoded(settings, content, where, set(decoded)):
        if COMMANDS.fullmatch(name):
            raise UnsafeFileError(
                f"{where}: {printable(part)} wants {printable(name)}, which no model needs; it was NOT run. "
                + how_to_trust(sha256)
            )


def _names_undecoded(
    settings: dict[str, Any], content: bytes, where: str, decoded: set[str]
) -> Iterator[tuple[str, str]]:
    steps = iter(range(_STEPS))  # for all entries together
    for key, entry in settings.items():
        serialized = entry.get(":serialized:") if isinstance(entry, dict) else None
        if key in decoded or not isinstance(serialized, str):
            continue
        try:
            for name in names_in(b64decode(serialized), steps):
                yield key, name
        except (ValueError, LookupError, OverflowError):  # not even a pickle
            continue
    with open_zip(content, where) as archive:
        names = [name for name in archive.namelist() if name.endswith(".pth") and name != "policy.pth"]
        for member in islice(names, 16):
            try:
                for name in names_in_pth(read_member(archive, member, where, MAX_PTH), where):
                    yield member, name
            except RltoolsError:
                continue
