"""Replay pages in Chromium: their size, the time until they are open, and the speed of scrubbing."""

from __future__ import annotations

import shutil
import tempfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from timing import Row
from torch import nn

import rltools
from rltools.testing import example_recording

SCRUB = """new Promise((done) => {
  const scrubber = document.getElementById('scrubber');
  const spent = [];
  const start = performance.now();
  const again = () => {
    const before = performance.now();
    if (before - start > 2000) return done([spent.length / (before - start) * 1000, spent.sort((a, b) => a - b)[spent.length >> 1]]);
    scrubber.value = (spent.length * 97) % Number(scrubber.max);
    scrubber.dispatchEvent(new Event('input'));
    document.body.offsetHeight; // laid out within what is timed
    spent.push(performance.now() - before);
    requestAnimationFrame(again);
  };
  requestAnimationFrame(again);
})"""  # noqa: E501
OPENED = "performance.getEntriesByType('navigation')[0].loadEventEnd"
ROUNDS = 5


def measure() -> list[Row]:
    """A thousand steps of LunarLander with frames, and ten thousand steps of eight features; none without Chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        framed = _framed(folder)
        rows = [Row("replay of 1,000 steps with frames: size", f"{framed.stat().st_size / 1e6:.1f} MB", "< 8 MB")]
        if program is None:
            return [*rows, Row("replays in a browser", "no Chromium is installed", "")]
        browser = _browser(program, folder / "profile")
        for label, page in (("1,000 steps with frames", framed), ("10,000 steps", _long(folder))):
            opened = []
            for _ in range(ROUNDS):
                browser.open(page)
                opened.append(browser.run(OPENED) / 1000)
            rate, spent = browser.run(SCRUB)
            rows += [
                Row(f"replay of {label}: opens in", f"{sorted(opened)[ROUNDS // 2]:.2f} s", "< 1 s"),
                Row(f"replay of {label}: scrubs at ({spent:.1f} ms of work a step)", f"{rate:.0f} /s", ">= 30 /s"),
            ]
        browser.close()
    return rows


def _framed(folder: Path) -> Path:
    """A lander that keeps its height until the environment ends the episode after 1,000 steps."""
    policy = rltools.TorchPolicy(_hovering(), Box(-np.inf, np.inf, (8,), np.float32), Discrete(4), name="hovering")
    recording = rltools.record(policy, "LunarLander-v3", episodes=1, frames=True, directory=folder / "lander")
    if recording.outcome(0).steps != 1000:
        raise RuntimeError(f"it came down after {recording.outcome(0).steps} steps")
    rltools.explain(recording, policy, method="gradient", target="logit:all")
    rltools.explain(recording, policy, method="shapley", references=8)
    return rltools.replay(recording, 0, folder / "lander.html")


def _hovering() -> nn.Linear:
    """Engines against the height, the speed and the angle, as in Gymnasium's own heuristic."""
    upright = [0.25, 0, 0.5, 0, -0.5, -1, 0, 0]
    height = [0, -0.5, 0, -0.5, 0, 0, 0, 0]
    net = nn.Linear(8, 4)
    net.weight.data = torch.tensor([[0.0] * 8, upright, height, [-part for part in upright]])
    net.bias.data = torch.tensor([0.05, 0, 0.5, 0])
    return net


def _long(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    walk = rng.normal(size=(10_000, 1, 8)).cumsum(axis=0)
    recording = example_recording(folder / "long", [walk], action_names=("nothing", "left", "main", "right"))
    return rltools.replay(recording, 0, folder / "long.html")


def _browser(program: str, profile: Path) -> Any:
    """The tests' own."""
    spec = spec_from_file_location("browser", Path(__file__).parents[1] / "pages" / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Browser(program, profile)
