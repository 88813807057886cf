"""Files in the format of torch.save: whatever a pickle names, nothing is run, and no file asks for more than it has."""

from __future__ import annotations

import io
import os
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

IN_PYTHON = SimpleNamespace(__name__="pickle", Pickler=pickle._Pickler, dump=pickle._dump)
"""A pickler for deep contents: that in C has a limit of its own in Python 3.12."""
WANTED = {"env": "CartPole-v1", "activation": "tanh"}
NETWORK = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))
FLAT = torch.zeros(100_000)


class Call:
    """What an unpickler would call, by its module's and its own name."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Writes something as torch.save does."""

    def save(content: Any, **options: Any) -> Path:
        torch.save(content, tmp_path / "agent.pt", **options)
        return tmp_path / "agent.pt"

    return save


def rewritten(path: Path, change: Callable[[dict[str, bytes]], Any], method: int = zipfile.ZIP_STORED) -> Path:
    """A file with members that were changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members = change(members) or members
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("place", ["value", "weight", "beside", "key", "class"])
def test_a_command_is_not_run(save: Any, payload: Any, refused: Any, place: str, is_new: bool) -> None:
    weights: dict[Any, Any] = dict(NETWORK.state_dict())
    content: Any = {
        "value": lambda: {"model": weights, "iteration": payload},
        "weight": lambda: weights | {"0.weight": payload},
        "beside": lambda: [weights, payload],
        "key": lambda: weights | {(payload,): 3},
        "class": lambda: payload,
    }[place]()
    refused(save(content, _use_new_zipfile_serialization=is_new), r"posix\.mkdir.*NOT run", **WANTED)


@pytest.mark.parametrize(
    "call",
    [
        Call(eval, "__import__('os').mkdir('ran')"),
        Call(exec, "import os"),
        Call(os.system, "true"),
        Call(torch.load, "/etc/passwd"),
        Call(pickle.loads, b"N."),
        Call(__import__, "os"),
    ],
)
def test_other_commands(save: Any, refused: Any, call: Call) -> None:
    refused(save(NETWORK.state_dict() | {"more": call}), "NOT run", **WANTED)


@pytest.mark.parametrize(
    "call",
    [
        Call(getattr, "x", "upper"),
        Call(map, print, ["x"]),
        Call(torch.nn.Linear, 10**6, 10**6),
        Call(torch.zeros, 10**12),
        Call(torch._utils._rebuild_qtensor, 1, 2),
        Call(bytearray, 10**12),
        Call(Path, "/etc"),
        Call(range, 10**12),
        Call(str.join, "x", ["y"] * 3),
    ],
)
def test_whatever_else_a_pickle_calls_is_a_record(save: Any, harmless: Any, call: Call) -> None:
    report = harmless(save(NETWORK.state_dict() | {"more": call}), head="logit", **WANTED)
    assert report["error"] is None


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


def cyclic() -> Any:
    value: dict[str, Any] = dict(NETWORK.state_dict())
    value["itself"] = value
    return value


def module_in_itself() -> nn.Module:
    network = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))
    network._modules["itself"] = network
    return network


def bomb() -> Any:
    value: Any = ["x"] * 10
    for _ in range(20):
        value = [value] * 10
    return value


@pytest.mark.parametrize(
    ("content", "match", "error"),
    [
        (lambda: {"0.weight": torch.zeros(1).expand(10**5, 10**5)}, "larger than its storage", "ModelError"),
        (lambda: {str(i): FLAT[i:] for i in range(300)}, "far larger than their file", "UnsafeFileError"),
        (lambda: [FLAT[i:] for i in range(300)], "far larger than their file", "UnsafeFileError"),
        (lambda: deep(900), "expands far beyond|too deep|depth|damaged", "ModelError"),
        (cyclic, "expands far beyond", "ModelError"),
        (module_in_itself, "expands far beyond", "ModelError"),
        (bomb, "expands far beyond|more than", "ModelError"),
        (lambda: {"x" * 10**5: torch.zeros(2, 2)}, "of 100,000 characters", "UnsafeFileError"),
        (lambda: {"a." * 200 + "weight": torch.zeros(2, 2)}, "in 201 parts", "UnsafeFileError"),
        (lambda: {"a": {"b": torch.zeros(2)}, "a.b": torch.zeros(2)}, "a.b is in it twice", "ModelError"),
        (lambda: {"0.weight": torch.full((2, 4), torch.nan)}, "NaN or infinity", "ModelError"),
        (lambda: {"0.weight": torch.zeros(2, 4).to_sparse()}, "no layers", "ModelError"),
        (lambda: {"0.weight": torch.zeros(2, 4, dtype=torch.complex64)}, "damaged", "ModelError"),
        (lambda: {"0.weight": torch.zeros(0, 4)}, "no layers", "ModelError"),
        (lambda: 3, "no layers", "ModelError"),
        (lambda: "x" * 10**6, "no layers", "ModelError"),
        (lambda: list(range(300_000)), "too many steps", "ModelError"),
        (
            lambda: (
                {"rnn.weight_ih_l0": torch.zeros(2048, 4), "rnn.weight_hh_l0": torch.zeros(2048, 512)}
                | {f"rnn.weight_ih_l{i}": torch.zeros(1) for i in range(1, 400)}
            ),
            "no layers|too many steps",
            "ModelError",
        ),
    ],
)
@pytest.mark.parametrize("is_new", [True, False])
def test_what_no_agent_holds_is_refused(
    save: Any, refused: Any, content: Any, match: str, error: str, is_new: bool
) -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)  # the pickler's own
    pickler = IN_PYTHON if "too deep" in match else pickle
    try:
        path = save(content(), _use_new_zipfile_serialization=is_new, pickle_module=pickler)
    finally:
        sys.setrecursionlimit(before)
    refused(path, match, error, head="logit", **WANTED)


@pytest.mark.parametrize(
    ("change", "method", "match"),
    [
        (lambda members: None, zipfile.ZIP_DEFLATED, "compressed members"),
        (lambda members: members.update({"agent/data/0": bytes(40 * 2**20)}), zipfile.ZIP_DEFLATED, "unpack"),
        (lambda members: members.update({"agent/../../x": b""}), zipfile.ZIP_STORED, "never writes"),
        (lambda members: members.update({"other/data.pkl": b"N."}), zipfile.ZIP_STORED, "never writes"),
        (lambda members: members.update({"agent/byteorder": b"big"}), zipfile.ZIP_STORED, "little-endian"),
        (lambda members: members.update({"agent/data/0": b"\0" * 3}), zipfile.ZIP_STORED, "3 bytes for"),
        (lambda members: members.pop("agent/data/0") and None, zipfile.ZIP_STORED, "data/0|damaged"),
        (lambda members: members.update({"agent/data.pkl": b"N."}), zipfile.ZIP_STORED, "no layers"),
        (lambda members: members.update({"agent/data.pkl": b"garbage"}), zipfile.ZIP_STORED, "damaged"),
        (lambda members: members.update({"agent/data.pkl": b"N0" * 10**6 + b"N."}), zipfile.ZIP_STORED, "steps"),
        (lambda members: members.update({"agent/data.pkl": bytes(5 * 2**20)}), zipfile.ZIP_STORED, "unpack to"),
        (lambda m: m.update({f"agent/data/{i}": b"" for i in range(5000)}), zipfile.ZIP_STORED, "members"),
    ],
)  # fmt: skip
def test_members_that_torch_does_not_write(save: Any, refused: Any, change: Any, method: int, match: str) -> None:
    path = rewritten(save(NETWORK.state_dict()), change, method)
    refused(path, match, "ModelError|UnsafeFileError", **WANTED)


@pytest.mark.parametrize("is_new", [True, False])
def test_a_file_that_was_cut_short(save: Any, refused: Any, is_new: bool) -> None:
    path = save(NETWORK.state_dict(), _use_new_zipfile_serialization=is_new)
    whole = path.read_bytes()
    for size in (len(whole) - 1, len(whole) // 2, 200):
        path.write_bytes(whole[:size])
        refused(path, "damaged|cut short|seems|is not", "ModelError|ArgumentError", **WANTED)


def test_every_flipped_bit_is_harmless(save: Any, harmless: Any) -> None:
    for is_new in (True, False):
        path = save(NETWORK.state_dict(), _use_new_zipfile_serialization=is_new)
        whole = path.read_bytes()
        for position in range(0, len(whole), len(whole) // 10):
            path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :])
            harmless(path, head="logit", **WANTED)


def legacy(*parts: Any, after: bytes = b"") -> bytes:
    """A file as torch wrote it before version 1.6."""
    magic = 0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}
    return b"".join(pickle.dumps(part, 2) for part in (*magic, *parts)) + after


@pytest.mark.parametrize(
    "content",
    [
        legacy({}, ["0"], after=struct.pack("<q", 2**62)),
        legacy({}, ["x"]),
        legacy({}, [10**6]),
        legacy({}, 3),
        legacy(OrderedDict(), [None]),
        legacy({}),
        legacy({"a": 1}, [], after=bytes(100)),
        legacy({}, {"0": 1}),
    ],
    ids=range(8),
)
def test_storages_of_old_files_that_are_not_there(tmp_path: Path, refused: Any, content: bytes) -> None:
    (tmp_path / "agent.pt").write_bytes(content)
    refused(tmp_path / "agent.pt", "damaged|no layers", "ModelError", **WANTED)


@pytest.mark.parametrize(
    "arguments",
    [
        (-1, (2,), (1,)),
        (0, (-2,), (1,)),
        (0, (2,), (-1,)),
        (0, (2,), (2**62,)),
        (0, (2**40, 0), (1, 1)),
        (0, (2,) * 70, (1,) * 70),
        (0, "x", (1,)),
        (True, (2,), (1,)),
    ],
)
def test_tensors_of_impossible_shapes(save: Any, refused: Any, arguments: Any) -> None:
    class Pickler(pickle.Pickler):
        """Writes a tensor with an offset, a shape and strides of one's own."""

        def persistent_id(self, value: Any) -> Any:
            return ("storage", torch.FloatStorage, "0", "cpu", 4) if value == "its storage" else None

    file = io.BytesIO()
    call = Call(torch._utils._rebuild_tensor_v2, "its storage", *arguments, False, OrderedDict())
    Pickler(file, 2).dump({"0.weight": call})
    path = rewritten(save({"a": torch.zeros(4)}), lambda members: members.update({"agent/data.pkl": file.getvalue()}))
    refused(path, "damaged|no layers", "ModelError", **WANTED)
