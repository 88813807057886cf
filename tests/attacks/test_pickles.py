"""Pickles that run nothing, and that would exhaust whoever unpickles, hashes, copies or prints them."""

import base64
import io
import pickle
import struct

import numpy as np
import pytest
from gymnasium.spaces import Box


def tower(levels):
    """T = (T', T') again and again: a few bytes, and 2 ** levels ways through it."""
    steps = b"Nq\x01"
    for level in range(1, levels + 1):
        steps += b"h" + bytes([level]) + b"\x86q" + bytes([level + 1])
    return steps


HASH_BOMB = b"\x80\x02}" + tower(60) + b"Ns."
COPY_BOMB = b"\x80\x02}X\x08\x00\x00\x00net_arch" + tower(60) + b"s."
LIST_BOMB = b"\x80\x02}X\x08\x00\x00\x00net_arch]q\x01" + b"".join(
    b"]q" + bytes([level + 1]) + b"(h" + bytes([level]) + b"h" + bytes([level]) + b"e" for level in range(1, 60)
)
LIST_BOMB += b"0" * 58 + b"s."  # what is left on the stack beneath is taken away
ITSELF = b"\x80\x02}q\x00X\x08\x00\x00\x00net_archh\x00s."
LONG_TEXT = (
    b"\x80\x02}X\x08\x00\x00\x00net_archX"
    + struct.pack("<I", 10**6)
    + b"x" * 10**6
    + b"q\x01("
    + b"h\x01" * 1000
    + b"ls."
)

BROKEN = {
    "empty": b"",
    "one byte": b"\x80",
    "text": b"garbage",
    "stop at once": b"\x80\x04.",
    "huge memo index of nothing": b"\x80\x04r\xff\xff\xff\x7f.",
    "huge memo index": b"\x80\x04Nr\xff\xff\xff\x7f.",
    "memo index as large as the file": b"\x80\x04Nr"
    + struct.pack("<I", 20 * 2**20)
    + b"N0" * 10
    + b"."
    + bytes(2 * 2**20),
    "marks": b"(" * 10**5,
    "deep lists": b"]" * 10**5 + b"a" * (10**5 - 1) + b".",
    "deep tuples": b"N" + b"\x85" * 10**5 + b".",
    "long bytes": b"\x80\x04\x8e" + (2**40).to_bytes(8, "little") + b"x.",
    "long text": b"\x80\x04\x8d" + (2**62).to_bytes(8, "little") + b"x.",
    "long bytearray": b"\x80\x05\x96" + (2**33).to_bytes(8, "little") + b"x.",
    "long number": b"\x80\x02\x8b\xff\xff\xff\x7f\x01.",
    "negative number of bytes": b"\x80\x02\x8b\xff\xff\xff\xff\x01.",
    "a number of a million digits": b"I" + b"9" * 10**6 + b"\n.",
    "a number of a million bytes": b"\x80\x02\x8b" + struct.pack("<i", 10**6) + b"\x7f" * 10**6 + b".",
    "a huge frame": b"\x80\x04\x95" + (2**62).to_bytes(8, "little") + b"N.",
    "extension": b"\x80\x02\x82\x01.",
    "copies of the top": b"\x80\x02N" + b"2\x86" * 60 + b".",
    "a million steps": b"\x80\x02" + b"N0" * 500_000 + b"N.",
    "a hash bomb": HASH_BOMB,
    "a copy bomb": COPY_BOMB,
    "a list bomb": LIST_BOMB,
    "itself": ITSELF,
    "one text a thousand times": LONG_TEXT,
    "persistent": b"\x80\x02NQ.",
    "protocol 99": b"\x80\x63N.",
    "unset attributes": b"\x80\x02NN}b.",
    "a key that cannot be one": b"\x80\x02}]Ns.",
    "a call of text": b"\x80\x02X\x01\x00\x00\x00x)R.",
}


@pytest.mark.parametrize("entry", ["policy_kwargs", "observation_space"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_pickle_is_a_broken_model(with_entry, write, refused, name, entry):
    refused(write(with_entry(entry, BROKEN[name])), entry, "ModelError")


@pytest.mark.parametrize("name", ["a hash bomb", "a million steps", "memo index as large as the file", "itself"])
def test_broken_statistics_are_refused(members, write, harmless, tmp_path, name):
    (tmp_path / "vecnormalize.pkl").write_bytes(BROKEN[name])
    report = harmless(write(members))
    assert report["error"] == "ModelError"
    assert "vecnormalize.pkl" in report["message"]


@pytest.mark.parametrize("name", ["a hash bomb", "a million steps", "huge memo index"])
def test_a_broken_pickle_that_is_never_decoded_does_no_harm(with_entry, write, harmless, name):
    assert harmless(write(with_entry("lr_schedule", BROKEN[name])), normalize=False)["error"] is None


def test_many_entries_that_are_never_decoded_are_looked_at_for_a_short_time(with_data, write, harmless):
    steps = base64.b64encode(b"\x80\x02" + b"N0" * 90_000 + b"N.").decode()
    entries = {f"entry {number}": {":serialized:": steps} for number in range(100)}
    assert harmless(write(with_data(**entries)), normalize=False)["error"] is None


@pytest.mark.parametrize(
    ("shape", "content"),
    [((10**6, 10**6), b""), ((2**62, 4), b"x" * 8), ((-1,), b"x" * 4), ((4,) * 100, b"x" * 16), ("x", b"x")],
)
def test_arrays_larger_than_their_bytes(with_entry, write, refused, shape, content):
    class Pickler(pickle.Pickler):
        """Writes arrays of a shape that their bytes do not fill."""

        def reducer_override(self, value):
            if not isinstance(value, np.ndarray):
                return NotImplemented
            reconstruct, arguments, _ = value.__reduce__()
            return reconstruct, arguments, (1, shape, np.dtype(np.float32), False, content)

    box, buffer = Box(-1, 1, (4,), np.float32), io.BytesIO()
    box._shape = shape
    Pickler(buffer, 4).dump(box)
    refused(write(with_entry("observation_space", buffer.getvalue())), "observation_space|fit|asks for", "ModelError")
