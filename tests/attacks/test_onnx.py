"""Hostile ONNX files: numbers that lie, weights that are elsewhere, and graphs that exhaust the machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_files import GEMM, WEIGHTS, field, model, node, port, tensor, varint

ENV = "CartPole-v1"
Write = Callable[..., Path]


@pytest.fixture
def put(tmp_path: Path) -> Write:
    def put(content: bytes, name: str = "policy.onnx") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return put


def after(*nodes: bytes, **constants: Any) -> bytes:
    """A network whose logits are followed by other nodes, the last of which makes `out`."""
    return model([GEMM, *nodes], WEIGHTS | constants, outputs=[port("out", ["batch", 2])])


def outside(location: str, **entries: str) -> bytes:
    """Weights that are kept in another file."""
    pairs = {"location": location} | entries
    more = b"".join(field(13, field(1, key) + field(2, value)) for key, value in pairs.items()) + field(14, 1)
    return tensor(WEIGHTS["w"], "w", raw=None, more=more)


def with_weight(weight: bytes) -> bytes:
    return model([GEMM], WEIGHTS | {"w": weight})


def test_an_honest_file_loads(put: Write, harmless: Callable[..., Any]) -> None:
    assert harmless(put(model([GEMM], WEIGHTS)), env=ENV)["error"] is None


def nested(depth: int) -> bytes:
    """A message in a message in a message ..."""
    content = b""
    for _ in range(depth):
        content = field(7, content)
    return content


DAMAGED = {
    "empty": b"",
    "no graph": field(1, 8),
    "cut": model([GEMM], WEIGHTS)[:-40],
    "a size of exabytes": field(1, 8) + varint(7 << 3 | 2) + varint(2**60),
    "a number without end": field(1, 8) + b"\xff" * 30,
    "groups": field(1, 8) + varint(7 << 3 | 3) * 1000,
    "messages in messages": nested(100_000),
    "texts that are no texts": model([node("Gemm", ["obs", "w"], ["logits"]) + field(1, b"\xff\xfe")], WEIGHTS),
    "numbers for texts": model([field(4, 7)], WEIGHTS),
    "zeros": bytes(2**20),
    "ones": b"\xff" * 2**20,
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage(name: str, put: Write, refused: Callable[..., str]) -> None:
    refused(put(DAMAGED[name]), "damaged|nothing|no outputs|inputs none", "ModelError|MismatchError", env=ENV)


TENSORS = {
    "fewer bytes than numbers": tensor(WEIGHTS["w"], "w", sizes=[10**6, 10**6]),
    "sizes that overflow": tensor(WEIGHTS["w"], "w", sizes=[2**62, 2**62, 4]),
    "negative sizes": tensor(WEIGHTS["w"], "w", sizes=[-4, -2]),
    "a thousand axes": tensor(WEIGHTS["w"], "w", sizes=[1] * 1000 + [8]),
    "an unknown type": tensor(WEIGHTS["w"], "w", kind=99),
    "texts": tensor(WEIGHTS["w"], "w", kind=8),
    "no numbers": tensor(WEIGHTS["w"], "w", raw=None),
}


@pytest.mark.parametrize("name", TENSORS)
def test_weights_that_are_not_what_they_say(name: str, put: Write, refused: Callable[..., str]) -> None:
    refused(put(with_weight(TENSORS[name])), "the tensor 'w'", "ModelError", env=ENV)


@pytest.mark.parametrize(
    "location",
    ["/etc/passwd", "../secret", "..", ".", "", "folder/weights", "C:\\weights", "a\0b", "\x1b[2J", "x" * 5000],
    ids=ascii,
)
def test_weights_anywhere_else(location: str, put: Write, refused: Callable[..., str]) -> None:
    refused(
        put(with_weight(outside(location))),
        "keeps weights in|cannot be read|beside it",
        "UnsafeFileError|ModelError",
        env=ENV,
    )


def test_weights_behind_a_link(tmp_path: Path, put: Write, refused: Callable[..., str]) -> None:
    (tmp_path / "weights").symlink_to("/etc/passwd")
    refused(put(with_weight(outside("weights"))), "a link to another folder", env=ENV)


@pytest.mark.parametrize("place", ["/dev/zero", "pipe"])
def test_weights_without_end(place: str, tmp_path: Path, put: Write, refused: Callable[..., str]) -> None:
    if place == "pipe":
        os.mkfifo(tmp_path / "weights")
    else:
        (tmp_path / "weights").symlink_to(place)
    refused(put(with_weight(outside("weights"))), "a link to another folder|a pipe or a device", env=ENV)


@pytest.mark.parametrize(
    "entries",
    [
        {"offset": "-9"},
        {"offset": "9" * 40},
        {"length": "9" * 40},
        {"length": "-32"},
        {"offset": "x"},
        {"offset": "1e9"},
    ],
    ids=str,
)
def test_weights_in_bytes_that_are_not_there(
    entries: dict[str, str], tmp_path: Path, put: Write, refused: Callable[..., str]
) -> None:
    (tmp_path / "weights").write_bytes(bytes(32))
    refused(put(with_weight(outside("weights", **entries))), "fetch|save", "ModelError", env=ENV)


def test_a_large_file_of_weights_that_is_not_there(tmp_path: Path, put: Write, refused: Callable[..., str]) -> None:
    with (tmp_path / "weights").open("wb") as file:
        file.truncate(2**40)
    refused(put(with_weight(outside("weights"))), "weights is larger than 256 MiB", env=ENV)


def test_millions_of_fields(put: Write, refused: Callable[..., str]) -> None:
    refused(put(field(1, 8) * 160_000), "more than 150,000 fields", env=ENV)
    numbers = field(1, 210_000) + field(2, 7) + field(8, "w") + field(7, b"\1" * 210_000)
    refused(put(with_weight(numbers)), "200,000 numbers", env=ENV)


def test_thousands_of_operators(put: Write, refused: Callable[..., str]) -> None:
    names = ["logits", *map(str, range(6_000))]
    nodes = [node("Relu", [a], [b]) for a, b in pairwise(names)]
    refused(put(model([GEMM, *nodes], WEIGHTS, outputs=[port(names[-1], ["batch", 2])])), "6,001 operators", env=ENV)


CYCLES = {
    "itself": after(node("Add", ["logits", "out"], ["out"])),
    "each other": after(node("Add", ["logits", "b2"], ["a2"]), node("Add", ["a2", "out"], ["b2"])),
    "nothing": after(node("Add", ["logits", "nowhere"], ["out"])),
}


@pytest.mark.parametrize("name", CYCLES)
def test_values_that_depend_on_themselves(name: str, put: Write, refused: Callable[..., str]) -> None:
    refused(put(CYCLES[name]), "which nothing before it makes", "ModelError", env=ENV)


def test_values_that_are_made_twice(put: Write, refused: Callable[..., str]) -> None:
    refused(put(model([GEMM, GEMM], WEIGHTS)), "makes 'logits' twice", "ModelError", env=ENV)
    refused(put(model([GEMM, node("Constant", [], ["w"], value=1)], WEIGHTS)), "makes 'w' twice", "ModelError", env=ENV)


big = np.array([10**6, 10**6])
COSTLY = {
    "ones of any size": after(
        node("ConstantOfShape", ["n"], ["c"]),
        node("ReduceSum", ["c"], ["s"]),
        node("Add", ["logits", "s"], ["out"]),
        n=big,
    ),
    "expanded": after(
        node("Expand", ["b", "n"], ["c"]),
        node("ReduceSum", ["c"], ["s"]),
        node("Add", ["logits", "s"], ["out"]),
        n=np.array([10**12, 2]),
    ),
    "tiled": after(node("Tile", ["logits", "n"], ["out"]), n=big),
    "padded": after(node("Pad", ["logits", "n"], ["out"]), n=np.array([0, 10**12, 0, 0])),
    "a range": after(
        node("Range", ["zero", "n", "one"], ["c"]),
        node("ReduceSum", ["c"], ["s"]),
        node("Add", ["logits", "s"], ["out"]),
        n=np.array(10**13),
        zero=np.array(0),
        one=np.array(1),
    ),
    "a product of vectors": after(
        node("Reshape", ["long", "tall"], ["t"]),
        node("Mul", ["t", "long"], ["m"]),
        node("ReduceSum", ["m"], ["s"]),
        node("Add", ["logits", "s"], ["out"]),
        long=np.ones(10**5),
        tall=np.array([-1, 1]),
    ),
    "products of large matrices": after(
        *[node("Expand", ["b", "n"], ["c"]), node("Tile", ["c", "times"], ["m0"])],
        *[node("MatMul", [f"m{i}", f"m{i}"], [f"m{i + 1}"]) for i in range(50)],
        node("ReduceMax", ["m50"], ["s"]),
        node("Add", ["logits", "s"], ["out"]),
        n=np.array([2000, 2]),
        times=np.array([1, 1000]),
    ),
    "doubled again and again": after(
        node("Concat", ["logits", "logits"], ["d0"], axis=1),
        *[node("Concat", [f"d{i}", f"d{i}"], [f"d{i + 1}"], axis=1) for i in range(60)],
        node("Slice", ["d60", "from", "to", "axes"], ["out"]),
        **{"from": np.array([0]), "to": np.array([2]), "axes": np.array([1])},
    ),
    "a convolution with wide padding": after(
        node("Reshape", ["logits", "n"], ["image"]),
        node("Conv", ["image", "k"], ["wide"], pads=[10**5] * 4),
        node("GlobalMaxPool", ["wide"], ["top"]),
        node("Flatten", ["top"], ["f"]),
        node("Add", ["logits", "f"], ["out"]),
        n=np.array([0, 1, 1, -1]),
        k=np.ones((1, 1, 1, 1)),
    ),
}


@pytest.mark.parametrize("name", COSTLY)
def test_work_and_memory_without_end(name: str, put: Write, refused: Callable[..., str]) -> None:
    refused(put(COSTLY[name]), "would need", env=ENV)


HOSTILE = ("Loop", "If", "Scan", "PyOp", "PythonOp", "RandomNormalLike", "Multinomial")


def test_operators_that_are_not_known_are_all_named(put: Write, refused: Callable[..., str]) -> None:
    names = ["logits", *map(str, range(len(HOSTILE) - 1)), "out"]
    nodes = [
        node(name, [a], [b], domain="evil" * (name == "PyOp"))
        for name, a, b in zip(HOSTILE, names, names[1:], strict=False)
    ]
    message = refused(put(after(*nodes)), "7 ONNX operators", "ModelError", env=ENV)
    assert all(name in message for name in HOSTILE)
    assert "evil.PyOp" in message


ODD = {
    "axes": after(node("Softmax", ["logits"], ["out"], axis=10**9)),
    "texts for numbers": after(node("Softmax", ["logits"], ["out"], axis="1")),
    "positions": after(node("Gather", ["logits", "n"], ["out"], axis=1), n=np.array([2**40, -(2**40)])),
    "no inputs": after(node("Relu", [], ["out"])),
    "too many inputs": after(node("Relu", ["logits"] * 99, ["out"])),
    "strides of zero": after(
        node("Reshape", ["logits", "n"], ["i"]),
        node("MaxPool", ["i"], ["p"], kernel_shape=[1, 1], strides=[0, 0]),
        node("Flatten", ["p"], ["out"]),
        n=np.array([0, 1, 1, -1]),
    ),
    "a split into nothing": after(
        node("Split", ["logits", "n"], ["out", "rest"], axis=1), n=np.array([-(2**62), 2**62])
    ),
    "an LSTM of other sizes": after(
        node("Unsqueeze", ["logits", "n"], ["s"]),
        node("LSTM", ["s", "k", "k"], ["", "h"], hidden_size=-3),
        node("Squeeze", ["h", "n"], ["out"]),
        n=np.array([0]),
        k=np.ones((1, 3, 2)),
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_settings_that_make_no_sense(name: str, put: Write, refused: Callable[..., str]) -> None:
    refused(put(ODD[name]), "cannot be computed", "ModelError", env=ENV)


def test_names_that_would_reach_the_terminal(put: Write, refused: Callable[..., str]) -> None:
    name = "\x1b]0;owned\x07" * 1000
    message = refused(put(model([node(name, ["obs"], ["logits"])], {})), "operator", "ModelError", env=ENV)
    assert "\x1b" not in message
    message = refused(put(model([node("Relu", [name], ["logits"])], {})), "needs", "ModelError", env=ENV)
    assert "\x1b" not in message


def test_links_and_devices_in_place_of_the_file(tmp_path: Path, refused: Callable[..., str]) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    refused(tmp_path / "pipe.onnx", "no policy|pipe", "ArgumentError|UnsafeFileError", env=ENV)
    with (tmp_path / "huge.onnx").open("wb") as file:
        file.truncate(2**42)
    refused(tmp_path / "huge.onnx", "larger than 256 MiB", env=ENV)
