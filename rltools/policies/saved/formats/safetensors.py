"""Tensors by name in the safetensors format, which cannot hold code; read by its own parser."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from rltools._util.foreign_files import ends_of
from rltools.errors import ModelError, UnsafeFileError
from rltools.policies._known_kinds import SAFETENSORS
from rltools.policies.kinds import HEAD, kind_in
from rltools.policies.saved.rebuilt import MOST_KEYS, Contents
from rltools.policies.untrusted.messages import printable
from rltools.policies.untrusted.zips import read_file

READS_LAST = True
_LENGTH = 8  # bytes, of the header's length before it


def reads(path: Path, head: bytes) -> bool:
    """Whether it begins as the format does."""
    return kind_in(head, ends_of(path, HEAD)[1], path.suffix.lower()) is SAFETENSORS


def read(path: Path) -> Contents:
    """The tensors in the file, and the texts in its metadata as values.

    Raises:
        ModelError: damaged.
        UnsafeFileError: larger than models are.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    content = read_file(path)
    try:
        header = _header(content)
        if len(header) > MOST_KEYS:
            raise UnsafeFileError(f"{path} holds {len(header):,} keys, above {MOST_KEYS:,}; give weights alone")
        tensors = load(content)  # checks that the tensors fill the file exactly, without gaps or overlaps
    except (SafetensorError, ValueError, LookupError, TypeError, RuntimeError) as error:
        raise ModelError(f"{path} is damaged ({printable(error)}); fetch or save it again") from error
    values = header.get("__metadata__") or {}  # texts by name, which the parser has accepted
    return Contents(path, "safetensors", tensors, values, hashlib.sha256(content).hexdigest())


def _header(content: bytes) -> dict[str, Any]:
    """The header, which has an entry per tensor.

    Raises:
        ValueError: it is no JSON, or no dict.
        RecursionError: it is nested too deeply.
    """
    size = int.from_bytes(content[:_LENGTH], "little")
    header = json.loads(content[_LENGTH : _LENGTH + size])
    if not isinstance(header, dict):
        raise ValueError("its header is no dict")
    return header
