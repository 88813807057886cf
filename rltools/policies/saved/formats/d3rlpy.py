"""Models of d3rlpy: `model.d3`, and `model.pt` with `params.json` beside it; both have weights and settings.

A `.d3` is a pickle of bytes and texts alone, so that one that names anything is none. It comes before `torch_save` by
its name, so that a `.pt` beside a `params.json` is read with its settings. What `save_policy` exports is TorchScript.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from pathlib import Path
from typing import Any

from rltools._util.foreign_files import is_file
from rltools.errors import ModelError, UnsafeFileError
from rltools.policies.saved.formats import torch_save
from rltools.policies.saved.rebuilt import Contents
from rltools.policies.saved.settings import MAX_SETTINGS, plain_settings
from rltools.policies.untrusted.messages import printable
from rltools.policies.untrusted.opcodes import names_in
from rltools.policies.untrusted.pickles import unpickle
from rltools.policies.untrusted.zips import read_file

SETTINGS = "params.json"
_START = re.compile(rb"\x80[\x02-\x05]")


def reads(path: Path, head: bytes) -> bool:
    """Whether it is a `.d3`, or weights beside settings of the library."""
    if path.suffix.lower() == ".d3":
        return _START.match(head) is not None
    if path.suffix.lower() != ".pt" or not is_file(path.parent / SETTINGS) or not torch_save.reads(path, head):
        return False
    with (path.parent / SETTINGS).open("rb") as stream:
        start = stream.read(1 << 16)
    return b'"observation_shape"' in start and b'"action_size"' in start


def read(path: Path) -> Contents:
    """The tensors of a model, and its settings under `params`.

    Raises:
        ModelError: damaged.
        UnsafeFileError: it names a command, or would exhaust the machine; nothing was run.
    """
    content = read_file(path)
    if path.suffix.lower() == ".d3":
        data = _members(content, str(path))
        weights, settings = data["torch"], data["config"].encode()
        version = data.get("version")
    else:
        weights, version = content, None
        settings = read_file(path.parent / SETTINGS, MAX_SETTINGS)
    contents = torch_save.read_content(weights, path)
    plain = plain_settings(settings, str(path if path.suffix.lower() == ".d3" else path.parent / SETTINGS))
    values = {f"params.{key}": value for key, value in plain.items()} | ({"version": version} if version else {})
    return dataclasses.replace(
        contents,
        format="d3rlpy",
        values={**contents.values, **values},
        sha256=hashlib.sha256(hashlib.sha256(content).digest() + hashlib.sha256(settings).digest()).hexdigest(),
    )


def _members(content: bytes, where: str) -> dict[str, Any]:
    """The weights, the settings and the version in a `.d3`.

    Raises:
        UnsafeFileError: it names anything; nothing was looked up or run.
        ModelError: it has other members.
    """
    try:
        names = list(names_in(content))
    except Exception as error:  # a damaged stream fails in any of Python's ways
        raise ModelError(f"{where} is damaged ({type(error).__name__}: {printable(error)}); save it again") from error
    if names:
        raise UnsafeFileError(
            f"{where} wants {printable(names[0])}, and what d3rlpy saves are bytes and texts alone; it was NOT run. Do "
            f"not use this file, or save the model again with d3rlpy's save()"
        )
    data = unpickle(content, "its pickle", where)
    kinds = {"torch": bytes, "config": str}
    if not isinstance(data, dict) or not all(isinstance(data.get(key), kind) for key, kind in kinds.items()):
        raise ModelError(
            f"{where} has no weights and settings, as a .d3 of d3rlpy 2 has; save it again, or give its .pt"
        )
    return data
