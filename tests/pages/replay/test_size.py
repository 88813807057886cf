"""How much a page weighs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from torch import nn

import rltools

STEPS = 45


def test_a_thousand_steps_with_frames_weigh_less_than_eight_megabytes(tmp_path: Path) -> None:
    """By what a step of LunarLander with its picture adds: two methods, one of them of each action."""
    pytest.importorskip("Box2D")
    falling = nn.Linear(8, 4)
    falling.weight.data[1:] = 0  # for longer than the steps that are counted
    falling.bias.data = torch.tensor([1e3, 0, 0, 0])
    policy = rltools.TorchPolicy(falling, Box(-np.inf, np.inf, (8,), np.float32), Discrete(4))
    sizes = []
    for steps in (2, STEPS):
        folder = tmp_path / str(steps)
        recording = rltools.record(policy, "LunarLander-v3", episodes=1, max_steps=steps, frames=True, directory=folder)
        rltools.explain(recording, policy, method="gradient", target="logit:all")
        rltools.explain(recording, policy, method="shapley", references=8)
        assert recording.outcome(0).steps == steps
        sizes.append(rltools.replay(recording, 0, folder / "page.html").stat().st_size)
    each = (sizes[1] - sizes[0]) / (STEPS - 2)
    assert sizes[0] + 1000 * each < 8_000_000
    assert each > 1000  # there are pictures
