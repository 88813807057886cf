"""Hostile files, and a process that reads them under watch."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

MOST_SECONDS = 1
"""Processor time of a refusal; the time on a clock depends on what else the machine does."""
MOST_MEMORY = 512 * 2**20
NEXT_STEP = re.compile(
    r"\b(save|fetch|give|trust|move|mend|fix|put|do without|name it|see|remove|load it)\b", re.IGNORECASE
)

Members = dict[str, bytes]


class Payload:
    """What a plain unpickler would run."""

    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.sentinel),)


@pytest.fixture
def sentinel(tmp_path: Path) -> Iterator[Path]:
    """What a payload would make; at the end it must not be there."""
    yield tmp_path / "ran"
    assert not (tmp_path / "ran").exists()


@pytest.fixture
def payload(sentinel: Path) -> Payload:
    """An object that runs something when it is unpickled."""
    return Payload(sentinel)


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An honest model."""
    import torch
    from stable_baselines3 import PPO

    path = tmp_path_factory.mktemp("model") / "model.zip"
    kwargs = {"net_arch": [4], "activation_fn": torch.nn.ReLU}
    PPO("MlpPolicy", "CartPole-v1", policy_kwargs=kwargs, device="cpu").save(path)
    return path


@pytest.fixture(scope="session")
def members(saved: Path) -> Members:
    """The members of an honest model; not to be changed."""
    with zipfile.ZipFile(saved) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes members, a dict or pairs, as a zip."""

    def write(members: Any, name: str = "model.zip", **options: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings(), zipfile.ZipFile(path, "w", **options) as archive:
            warnings.simplefilter("ignore")  # zipfile warns of duplicate names
            for member, content in members.items() if isinstance(members, dict) else members:
                archive.writestr(member, content)
        return path

    return write


@pytest.fixture
def with_entry(members: Members) -> Callable[[str, bytes], Members]:
    """The members of a model with one entry of its JSON replaced by a pickle."""

    def with_entry(entry: str, content: bytes) -> Members:
        data = json.loads(members["data"])
        data[entry] = {":type:": "x", ":serialized:": base64.b64encode(content).decode()}
        return members | {"data": json.dumps(data).encode()}

    return with_entry


@pytest.fixture
def with_data(members: Members) -> Callable[..., Members]:
    """The members of a model with entries of its JSON replaced by plain values."""
    return lambda **changes: members | {"data": json.dumps(json.loads(members["data"]) | changes).encode()}


@pytest.fixture(scope="session")
def _watcher(saved: Path) -> Iterator[subprocess.Popen[str]]:
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("the highest use of memory cannot be told on this system")
    script = Path(__file__).with_name("watched.py")
    here = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore"}
    with subprocess.Popen(
        [sys.executable, str(script), str(saved)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=here
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


@pytest.fixture
def watch(_watcher: subprocess.Popen[str]) -> Callable[..., dict[str, Any]]:
    """Reads a file in the watched process: what was raised, what happened, how long it took and how much it needed."""

    def watch(path: Path, do: str = "load", **arguments: Any) -> dict[str, Any]:
        assert _watcher.stdin is not None
        assert _watcher.stdout is not None
        arguments = {name: str(value) if isinstance(value, Path) else value for name, value in arguments.items()}
        print(json.dumps({"do": do, "path": str(path), "arguments": arguments}), file=_watcher.stdin, flush=True)
        answer = _watcher.stdout.readline()
        assert answer, "the watched process died"
        report: dict[str, Any] = json.loads(answer)
        return report

    return watch


@pytest.fixture
def harmless(watch: Callable[..., dict[str, Any]], sentinel: Path) -> Callable[..., dict[str, Any]]:
    """Reads a file and checks that nothing of it ran, quickly and in little room."""

    def harmless(path: Path, **arguments: Any) -> dict[str, Any]:
        report = watch(path, **arguments)
        assert report["events"] == []
        assert not sentinel.exists()
        assert report["seconds"] < MOST_SECONDS
        assert report["memory"] < MOST_MEMORY
        assert report["error"] is None or report["ours"], report
        return report

    return harmless


@pytest.fixture
def refused(harmless: Callable[..., dict[str, Any]]) -> Callable[..., str]:
    """Reads a file that must be refused; its message, which names the file, the fault and the next step."""

    def refused(path: Path, match: str, error: str = "UnsafeFileError", **arguments: Any) -> str:
        report = harmless(path, **arguments)
        message: str = report["message"]
        assert re.fullmatch(error, str(report["error"])), report
        assert re.search(match, message), message
        assert NEXT_STEP.search(message), message
        assert path.name in message
        assert message.isprintable()
        assert len(message) < 2500
        return message

    return refused
