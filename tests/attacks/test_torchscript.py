"""TorchScript programs: none is run, read or unpickled unless its user names it by sha256."""

from __future__ import annotations

import hashlib
import io
import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

ENV = "CartPole-v1"
Members = dict[str, bytes]


class Forever(torch.nn.Module):
    """Computes without end."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        while bool((x == x).all()):
            x = x * 1.0
        return x


class Large(torch.nn.Module):
    """Wants more memory than there is."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ones([1000000, 1000000, 1000000]).sum() + x


class Writing(torch.nn.Module):
    """Writes a file."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.from_file("ran", True, 8) + x


def saved(module: torch.nn.Module) -> bytes:
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(module), content)
    return content.getvalue()


@pytest.fixture(scope="module")
def program() -> bytes:
    return saved(torch.nn.Linear(4, 2))


@pytest.fixture(scope="module")
def members(program: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(program)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("module", [Forever(), Large(), Writing()], ids=lambda module: type(module).__name__)
@pytest.mark.parametrize("name", ["policy.pt", "policy.pth", "policy", "policy.jit"])
def test_programs_are_not_run(module: torch.nn.Module, name: str, tmp_path: Path, refused: Callable[..., str]) -> None:
    content = saved(module)
    (tmp_path / name).write_bytes(content)
    message = refused(tmp_path / name, "a TorchScript program, which is code; it was NOT run", env=ENV)
    assert hashlib.sha256(content).hexdigest() in message


def root(members: Members) -> str:
    return next(iter(members)).partition("/")[0]


HOSTILE: dict[str, Callable[[Members, Any], Any]] = {
    "a payload in its data": lambda members, payload: members | {f"{root(members)}/data.pkl": pickle.dumps(payload)},
    "a payload in its constants": lambda members, payload: (
        members | {f"{root(members)}/constants.pkl": pickle.dumps(payload)}
    ),
    "Python": lambda members, payload: members | {f"{root(members)}/code/__torch__.py": b"import os\nos.mkdir('ran')"},
    "members twice": lambda members, payload: [*members.items(), (f"{root(members)}/data.pkl", pickle.dumps(payload))],
    "paths upwards": lambda members, payload: members | {"../../x": b"x"},
    "many members": lambda members, payload: members | {f"{root(members)}/code/{n}.py": b"" for n in range(3000)},
    "extra files": lambda members, payload: members | {f"{root(members)}/extra/x": pickle.dumps(payload)},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_members_are_not_read(
    name: str, members: Members, payload: object, write: Callable[..., Path], refused: Callable[..., str]
) -> None:
    refused(write(HOSTILE[name](members, payload), "policy.pt"), "it was NOT run", env=ENV)


def test_another_sha256_is_not_enough(program: bytes, tmp_path: Path, refused: Callable[..., str]) -> None:
    (tmp_path / "policy.pt").write_bytes(program)
    path = tmp_path / "policy.pt"
    message = refused(path, "no file has the trusted sha256", "ChecksumError", env=ENV, trust="0" * 64)
    assert hashlib.sha256(program).hexdigest() in message


def test_a_trusted_file_that_is_damaged(
    members: Members, write: Callable[..., Path], refused: Callable[..., str]
) -> None:
    path = write({name: b"def (" if "/code/" in name else content for name, content in members.items()}, "policy.pt")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    refused(path, "is trusted, and TorchScript cannot load it", "ModelError", env=ENV, trust=sha256)


def test_a_file_that_is_too_large(program: bytes, tmp_path: Path, refused: Callable[..., str]) -> None:
    with (tmp_path / "policy.pt").open("wb") as file:
        file.write(program)
        file.truncate(2**40)
        file.seek(0, 2)
        file.write(program)
    refused(tmp_path / "policy.pt", "larger than 256 MiB", env=ENV)
