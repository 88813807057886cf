"""Small recordings, and a browser spoken to through a pipe."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from torch import nn

import rltools
from rltools.spaces import Features

CARTPOLE = ("cart position", "cart velocity", "pole angle", "pole angular velocity")
UNITS = ("m", "m/s", "rad", "rad/s")
Made = tuple[rltools.Recording, rltools.Policy]


def vector_policy(names: tuple[str, ...] = CARTPOLE, **options: Any) -> rltools.Policy:
    """A small network for CartPole, the same one each time."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    space = Box(-np.inf, np.inf, (4,), np.float32)
    features = Features((4,), ("feature",), names, UNITS)
    options = {"name": "tiny", "action_names": ("left", "right")} | options
    return rltools.TorchPolicy(module, space, Discrete(2), features=features, **options)


@pytest.fixture(scope="session")
def explained_cartpole(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Two episodes of CartPole with frames of the first, explained by two methods."""
    policy = vector_policy()
    directory = tmp_path_factory.mktemp("cartpole") / "run"
    recording = rltools.record(policy, "CartPole-v1", episodes=2, seed=5, directory=directory, frames=[0])
    rltools.explain(recording, policy, method="gradient")
    rltools.explain(recording, policy, method="gradient", target="logit:all")
    return rltools.explain(recording, policy, method="shapley", references=8), policy


class Scripted(gymnasium.Env[np.ndarray, int]):
    """Random observations for a number of steps; a fault in the first step where there are none."""

    def __init__(self, space: Box, steps: int) -> None:
        self.observation_space = space
        self.action_space = Discrete(2)
        self._steps = steps

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self._left = self._steps
        return self._observation(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        if self._steps == 0:
            raise RuntimeError("the motor broke")
        self._left -= 1
        return self._observation(), 0.1, self._left <= 0, False, {}

    def _observation(self) -> np.ndarray:
        if self.observation_space.dtype == np.uint8:
            return self.np_random.integers(0, 256, self.observation_space.shape, np.uint8)
        return self.np_random.normal(size=self.observation_space.shape).astype(np.float32)


@pytest.fixture
def scripted(tmp_path: Path) -> Callable[[int], Made]:
    """A recording of one episode of so many steps with four features."""

    def make(steps: int) -> Made:
        policy = vector_policy()
        recording = rltools.record(
            policy,
            lambda: Scripted(Box(-np.inf, np.inf, (4,), np.float32), steps),
            episodes=1,
            directory=tmp_path / f"scripted-{steps}",
            max_steps=steps + 1,
        )
        return recording, policy

    return make


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> rltools.Recording:
    """Twelve steps of a stack of four small pictures."""
    torch.manual_seed(0)
    space = Box(0, 255, (4, 20, 24), np.uint8)
    module = nn.Sequential(nn.Conv2d(4, 2, 5, stride=3), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 6 * 7, 2))
    policy = rltools.TorchPolicy(module, space, Discrete(2), name="tiny-image")
    directory = tmp_path_factory.mktemp("images") / "run"
    recording = rltools.record(policy, lambda: Scripted(space, 12), episodes=1, directory=directory)
    return rltools.explain(recording, policy, method="gradient")


def embedded(page: str) -> dict[str, Any]:
    """The numbers a page carries with it: of its first episode, and what holds for the whole page."""
    first, index = (_script(page, opening) for opening in ('class="episode-data">', 'id="data">'))
    return index | first


def _script(page: str, opening: str) -> dict[str, Any]:
    start = page.index(opening) + len(opening)
    return json.loads(page[start : page.index("</script>", start)])


@pytest.fixture(scope="session")
def data_of() -> Callable[[Path], dict[str, Any]]:
    return lambda path: embedded(path.read_text(encoding="utf-8"))


class Browser:
    """A headless Chromium and one page in it, by its own debugging protocol."""

    def __init__(self, program: str, profile: Path) -> None:
        reading, chromium_writes = os.pipe()
        chromium_reads, writing = os.pipe()
        as_three_and_four = (
            "import os, sys; os.dup2(int(sys.argv[1]), 103); os.dup2(int(sys.argv[2]), 104); os.dup2(103, 3);"
            "os.dup2(104, 4); os.execv(sys.argv[3], sys.argv[3:])"
        )
        start = [sys.executable, "-c", as_three_and_four, str(chromium_reads), str(chromium_writes)]
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe"]
        quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"]
        self._process = subprocess.Popen(
            [*start, program, *flags, *quiet, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(chromium_reads, chromium_writes),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(chromium_reads)
        os.close(chromium_writes)
        self._out, self._in = os.fdopen(writing, "wb", 0), os.fdopen(reading, "rb")
        self._numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def _receive(self) -> dict[str, Any]:
        text = bytearray()
        while (byte := self._in.read(1)) != b"\0":
            assert byte, "the browser has gone"
            text += byte
        message = json.loads(text)
        if "method" in message:
            self.events.append(message)
        return message

    def open(self, path: Path, fragment: str = "", *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Load a page from disk, and wait until its script has run."""
        self.call("Page.navigate", url="about:blank")
        self.events.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=path.resolve().as_uri() + fragment)
        self.wait_for("document.readyState === 'complete' && location.protocol === 'file:'")
        self.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def run(self, script: str) -> Any:
        """What an expression is worth in the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Until an expression is true; ten seconds at most."""
        for _ in range(200):
            if self.run(condition):
                return
            time.sleep(0.05)
        raise AssertionError(f"never true: {condition}")

    def text(self, selector: str) -> str:
        return str(self.run(f"document.querySelector({json.dumps(selector)}).textContent"))

    def press(self, key: str, *, shift: bool = False) -> None:
        code = {" ": "Space"}.get(key, key)
        named = {" ": 32, "ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35, "Tab": 9, "Escape": 27}
        number = named[key] if key in named else ord(key.upper())
        common = {"key": key, "code": code, "windowsVirtualKeyCode": number, "modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown", **common, **({"text": key} if len(key) == 1 else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def complaints(self) -> list[str]:
        """Errors and refused content since the page was opened."""
        kinds = {"Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"}
        return [json.dumps(event["params"])[:500] for event in self.events if event["method"] in kinds]

    def requests(self) -> list[str]:
        requested = [event for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in requested]

    def close(self) -> None:
        self._session = None
        self.call("Browser.close")
        self._process.wait(20)
        self._out.close()
        self._in.close()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no chromium is installed")
    result = Browser(program, tmp_path_factory.mktemp("profile"))
    yield result
    result.close()
