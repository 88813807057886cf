"""Files in the safetensors format that lie about themselves."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

WANTED = {"env": "CartPole-v1", "activation": "tanh"}
HONEST = save({"0.weight": torch.zeros(2, 4), "0.bias": torch.zeros(2)})


def entry(shape: Any, start: Any, stop: Any, dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


def written(header: Any, data: bytes = b"", size: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


ENTRY = b'{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
HOSTILE = {
    "a header longer than the file": written(b"{}", size=2**31),
    "a header of terabytes": written(b"{}", size=2**60),
    "a header that is no JSON": written(b"{garbage"),
    "a header that is cut short": written(b'{"a": '),
    "deep lists": written(b'{"a":' + b"[" * 10**5 + b"]" * 10**5 + b"}"),
    "deep dicts": written(b'{"a":' * 10**5 + b"1" + b"}" * 10**5),
    "a list": written(b"{ }  []"),
    "a tensor larger than the file": written({"0.weight": entry([2**20, 2**20], 0, 2**42)}),
    "a shape that overflows": written({"0.weight": entry([2**62, 4], 0, 0)}),
    "a shape that its bytes do not fill": written({"0.weight": entry([4, 4], 0, 8)}, bytes(8)),
    "a negative shape": written({"0.weight": entry([-1], 0, 4)}, bytes(4)),
    "negative offsets": written({"0.weight": entry([1], -4, 0)}, bytes(4)),
    "offsets the other way round": written({"0.weight": entry([1], 4, 0)}, bytes(4)),
    "overlapping tensors": written({"a": entry([2], 0, 8), "b": entry([2], 4, 12)}, bytes(12)),
    "the same bytes ten thousand times": written({str(i): entry([1000], 0, 4000) for i in range(10_000)}, bytes(4000)),
    "a gap": written({"a": entry([1], 4, 8)}, bytes(8)),
    "bytes left over": written({"a": entry([1], 0, 4)}, bytes(100)),
    "an unknown dtype": written({"a": entry([1], 0, 4, "X99")}, bytes(4)),
    "a dtype that is a dict": written({"a": entry([1], 0, 4, {})}, bytes(4)),
    "a name twice": written(b'{"a":' + ENTRY + b',"a":' + ENTRY.replace(b"[0,4]", b"[4,8]") + b"}", bytes(8)),
    "metadata of numbers": written({"__metadata__": {"a": 3}}),
    "a number of thousands of digits": written(b'{"a":' + b"9" * 10**5 + b"}"),
    "too many keys": written({str(i): entry([0], 0, 0) for i in range(20_000)}),
    "cut short": HONEST[:-1],
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused(tmp_path: Path, refused: Any, name: str) -> None:
    path = tmp_path / "agent.safetensors"
    path.write_bytes(HOSTILE[name])
    message = refused(
        path,
        "damaged|no policy can be made|no layers|20,000 keys",
        "ModelError|ArgumentError|UnsafeFileError",
        **WANTED,
    )
    assert len(message) < 1000


@pytest.mark.parametrize(
    ("tensors", "match"),
    [
        ({"x" * 10**5: torch.zeros(2, 2)}, "of 100,000 characters"),
        ({"a." * 100 + "weight": torch.zeros(2, 2)}, "in 101 parts"),
        ({"0.weight": torch.full((2, 4), torch.inf)}, "NaN or infinity"),
        ({"0.weight": torch.zeros(0, 4)}, "no layers"),
        ({"a\n\x1b[2J.weight": torch.zeros(3, 3)}, "cannot be printed"),
    ],
)
def test_names_and_numbers_that_no_network_has(tmp_path: Path, refused: Any, tensors: Any, match: str) -> None:
    path = tmp_path / "agent.safetensors"
    path.write_bytes(save(tensors))
    refused(path, match, "ModelError|ArgumentError|UnsafeFileError", head="logit", **WANTED)


def test_texts_in_the_metadata_are_only_texts(tmp_path: Path, harmless: Any) -> None:
    path = tmp_path / "agent.safetensors"
    path.write_bytes(save({"0.weight": torch.zeros(2, 4)}, {"code": "__import__('os')", "x": "y" * 10**6}))
    assert harmless(path, head="logit", **WANTED)["error"] is None
    assert harmless(path, do="inspect")["error"] is None
