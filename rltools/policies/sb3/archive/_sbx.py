"""Tells a zip of SBX, whose networks are of JAX, from one of Stable-Baselines3: both have the same members."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path

from rltools._util.foreign_files import ends_of
from rltools.policies.kinds import HEAD

_LOCAL_HEADER, _STORED, _DEFLATED = 30, 0, 8
_UNPACKED = 4096
_POLICY_OF_SBX = re.compile(
    rb'^\{\s*"policy_class": \{\s*":type:": "[^"]{0,80}",\s*":serialized:": "[^"]{0,3000}",\s*"__module__": "sbx\.'
)


def is_of_sbx(path: Path) -> bool:
    """Whether a file begins as SBX's zips do."""
    return begins_as_sbx(ends_of(path, HEAD)[0])


def begins_as_sbx(head: bytes) -> bool:
    """Whether these first bytes of a file are those of a zip whose first member says that its policy is of SBX."""
    return head.startswith(b"PK\x03\x04") and _POLICY_OF_SBX.match(_first_member(head)) is not None


def _first_member(head: bytes) -> bytes:
    """The first bytes of a zip's first member, of which no more than a few thousand are unpacked."""
    if len(head) < _LOCAL_HEADER:
        return b""
    method, name, extra = struct.unpack("<8xH16xHH", head[:_LOCAL_HEADER])
    packed = head[_LOCAL_HEADER + name + extra :]
    if method == _STORED:
        return packed[:_UNPACKED]
    try:
        unpacked = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, _UNPACKED) if method == _DEFLATED else b""
    except zlib.error:
        return b""
    return unpacked
