"""Cards that name classes, functions and modules as wrappers: nothing is imported, and nothing of it runs."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from gymnasium.envs.registration import WrapperSpec

from rltools.envs import spec_from_json
from rltools.errors import SimulationError

NAMES = [
    "os:system",
    "subprocess:Popen",
    "builtins:eval",
    "builtins:exec",
    "sys:exit",
    "shutil:rmtree",
    "pathlib:Path",
    "antigravity:fly",
    "rltools.wrappers:PlantFeatures",
    "rltools.envs:import_modules",
    "gymnasium:make",
    "gymnasium.wrappers:RecordVideo",
    "gymnasium.wrappers:TransformObservation",
    "gymnasium.wrappers:HumanRendering",
    "stable_baselines3.common.monitor:Monitor",
    "stable_baselines3.common.save_util:load_from_pkl",
    "not_there:Wrapper",
    "__main__:watched",
    "torch.hub:load",
    "os:system:echo",
    "os;system",
    "os:system.__call__",
    "../evil:Wrapper",
    "/tmp/evil.py:Wrapper",
    "gymnasium.wrappers:__class__",
    ":Wrapper",
    "x" * 5000 + ":Y",
    "a." * 90 + "a:B",
]


@pytest.fixture
def card(tmp_path: Path, saved: Path) -> Callable[..., Path]:
    """Writes an agent whose environment is in wrappers."""

    def write(*wrappers: object, kwargs: object = None) -> Path:
        folder = tmp_path / "mine"
        folder.mkdir(exist_ok=True)
        shutil.copy(saved, folder / "model.zip")
        environment = {"id": "CartPole-v1", "wrappers": list(wrappers), "kwargs": kwargs or {}}
        (folder / "agent.yaml").write_text(json.dumps({"environment": environment, "model": {"file": "model.zip"}}))
        return folder

    return write


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:40])
def test_a_wrapper_that_nobody_named(card: Callable[..., Path], refused: Callable[..., str], name: str) -> None:
    refused(card({"name": name, "kwargs": {"command": "echo"}}), "wrapper", error="SimulationError|ConfigError")


@pytest.mark.parametrize(
    ("wrapper", "fault"),
    [
        ({"name": "FrameStackObservation", "kwargs": {"stack_size": 10**9}}, "stack_size is 1,000,000,000"),
        ({"name": "x:Y", "kwargs": {"a": "z" * 20_000}}, "above the limit of 10,000"),
        ({"name": "x:Y", "kwargs": {"a": [[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]}}, "20 levels"),
        ({"name": {"name": "x:Y"}}, "name: must be a text"),
        ({"name": "x:Y", "module": "os"}, "module: unknown key"),
        (["os:system"], "wrappers"),
    ],
    ids=["huge", "long", "deep", "no text", "unknown key", "no mapping"],
)
def test_a_wrapper_that_is_no_wrapper(
    card: Callable[..., Path], harmless: Callable[..., dict[str, Any]], wrapper: object, fault: str
) -> None:
    report = harmless(card(wrapper))
    assert report["error"] == "ConfigError"
    assert fault in report["message"]


def test_what_has_no_end(card: Callable[..., Path], harmless: Callable[..., dict[str, Any]]) -> None:
    folder = card(*[{"name": "x:Y"}] * 5000)
    assert "more than 8,000 keys" in harmless(folder)["message"]
    card(kwargs={str(number): number for number in range(8_000)})
    assert "more than 8,000 keys" in harmless(folder)["message"]
    text = "environment: {id: CartPole-v1, wrappers: &a [*a]}\nmodel: {file: model.zip}"
    (folder / "agent.yaml").write_text(text)
    assert "the anchor &a is not allowed" in harmless(folder)["message"]


def test_a_specification_in_a_recording(tmp_path: Path) -> None:
    import subprocess

    spec = gymnasium.spec("CartPole-v1")
    wrapper = WrapperSpec("Popen", "subprocess:Popen", {"args": ["touch", str(tmp_path / "ran")]})
    text = dataclasses.replace(spec, additional_wrappers=(wrapper,)).to_json()
    with pytest.raises(SimulationError, match="not made just because a file names it"):
        spec_from_json(text)
    assert subprocess.Popen
    assert not (tmp_path / "ran").exists()
