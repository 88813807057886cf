"""A replay keeps still while it plays: nothing flashes, nothing comes and goes, nothing jumps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from access import flashes, luminance, screenshot, unsteady

import rltools

STEPS, CELL = 26, 8
"""Steps that are looked at: half a second of CartPole; and the pixels of a cell."""


@pytest.fixture
def page(scripted: Callable[[int], Any], tmp_path: Path) -> Path:
    """A replay in which every third step is explained, with observations that are noise."""
    recording, policy = scripted(STEPS + 4)
    return rltools.replay(rltools.explain(recording, policy, method="gradient", every=3), 0, tmp_path / "page.html")


@pytest.mark.parametrize(("turns", "share"), [(8, 1.0), (6, 0.0)])
def test_a_lamp_that_blinks_is_counted(turns: int, share: float) -> None:
    lamp = np.where(np.arange(20) < turns, np.arange(20) % 2, turns % 2)
    frames = lamp[:, None, None] * np.ones((1, 40, 50))
    assert flashes(frames, 20, CELL) == share


def test_nothing_flashes_or_jumps_while_it_plays(browser: Any, page: Path) -> None:
    browser.open(page, width=1280, height=720)
    frames = []
    for _ in range(STEPS):
        frames.append(luminance(screenshot(browser, 1 / CELL)))
        browser.press("ArrowRight")
    assert flashes(np.array(frames), 20, CELL) <= 0.25
    browser.press("Home")
    assert unsteady(browser, 12) == []
