"""Archives of NumPy's arrays: a pickle in them is refused, and no header is believed."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

WANTED = {"env": "CartPole-v1", "activation": "tanh", "head": "logit"}


def array(values: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(values), **options)
    return file.getvalue()


def headed(header: str, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    """An array whose header says this."""
    text = header.encode("latin1")
    size = len(text).to_bytes(2 if version == (1, 0) else 4, "little")
    return b"\x93NUMPY" + bytes(version) + size + text + data


def describing(shape: str, descr: str = "'<f4'", order: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


HONEST = array(np.zeros((2, 4), np.float32))
HOSTILE = {
    "a pickle": array(np.array([{"a": 1}], object), allow_pickle=True),
    "a pickle in a field": headed(describing("(1,)", "[('a', '|O')]"), bytes(8)),
    "a shape that its bytes do not fill": headed(describing("(1000,)"), bytes(8)),
    "a shape of terabytes": headed(describing("(1000000000000,)"), bytes(8)),
    "a shape that overflows": headed(describing("(4611686018427387904, 4)")),
    "a shape of a thousand axes": headed(describing(str((1,) * 1000)), bytes(4)),
    "a negative shape": headed(describing("(-1,)"), bytes(4)),
    "a shape of texts": headed(describing("('x',)"), bytes(4)),
    "a header that calls": headed("{'descr': __import__('os').getcwd(), 'fortran_order': False, 'shape': (1,)}"),
    "deep brackets": headed("(" * 9000 + ")" * 9000),
    "a header of a million characters": headed(describing("(1,)") + " " * 10**6, bytes(4), (2, 0)),
    "a header of gigabytes": b"\x93NUMPY\x02\x00\xff\xff\xff\x7f{}",
    "a number of thousands of digits": headed(describing(f"({'9' * 9000},)")),
    "no header": b"\x93NUMPY\x01\x00",
    "another version": headed(describing("(1,)"), bytes(4), (9, 9)),
    "no array": b"garbage",
    "nothing": b"",
    "texts": array(np.array(["x", "y"])),
    "dates": array(np.array(["2026-01-01"], "datetime64[D]")),
    "cut short": HONEST[:-1],
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_array_is_refused(write: Callable[..., Path], refused: Any, name: str) -> None:
    path = write({"0.weight.npy": HOSTILE[name]}, "agent.npz")
    refused(path, "damaged|NOT read|weights are numbers", "ModelError|UnsafeFileError", **WANTED)


@pytest.mark.parametrize("name", ["a pickle", "a shape of terabytes", "deep brackets"])
def test_as_statistics_or_outputs_beside_a_file(write: Any, refused: Any, harmless: Any, name: str) -> None:
    honest = write({"0.weight.npy": HONEST}, "agent.npz")
    assert harmless(honest, **WANTED)["error"] is None
    hostile = write({"mean.npy": HOSTILE[name], "var.npy": HONEST, "observations.npy": HONEST}, "beside.npz")
    for argument in ("normalize", "check"):
        report = harmless(honest, **WANTED, **{argument: str(hostile)})
        assert report["error"] in ("ModelError", "UnsafeFileError")
        assert "beside.npz" in report["message"]


def linked() -> zipfile.ZipInfo:
    member = zipfile.ZipInfo("0.weight.npy")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


@pytest.mark.parametrize(
    ("members", "options", "match"),
    [
        ([("0.weight.npy", HONEST), ("0.weight.npy", HONEST)], {}, "more than once"),
        ([(linked(), b"/etc/passwd")], {}, "is a link"),
        ([("0.weight.npy", bytes(40 * 2**20))], {"compression": zipfile.ZIP_DEFLATED}, "unpack"),
        ([(f"{i}.npy", bytes(2**20)) for i in range(130)], {"compression": 8, "compresslevel": 1}, "unpack"),
        ([("0.weight.npy", HONEST)], {"compression": zipfile.ZIP_LZMA}, "compressed with method 14"),
        ([(f"{i}.npy", b"") for i in range(5000)], {}, "members|a zip of"),
        ([("../../x.npy", b"")], {}, "damaged"),
        ([("x" * 10**4 + ".npy", HONEST)], {}, "of 10,000 characters"),
    ],
)  # fmt: skip
def test_members_that_numpy_does_not_write(write: Any, refused: Any, members: Any, options: Any, match: str) -> None:
    refused(write(members, "agent.npz", **options), match, "ModelError|UnsafeFileError|ArgumentError", **WANTED)
