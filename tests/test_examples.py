"""The examples run, and show what they say."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import rltools
from rltools.policies.base import Context

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_each_runs(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if path.stem == "tensordict_actor":
        pytest.importorskip("tensordict")
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out.strip()


def test_a_cleanrl_agent_is_the_one_its_weights_came_from(tmp_path: Path) -> None:
    example: dict[str, Any] = runpy.run_path(str(EXAMPLES / "cleanrl_agent.py"))
    ours, references = example["policy"], rltools.load_policy("cartpole-ppo")
    observations = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    np.testing.assert_allclose(
        ours.act(observations, Context()).scores, references.act(observations, Context()).scores, rtol=1e-5, atol=1e-5
    )
    x = ours.encode(observations)
    torch.testing.assert_close(ours.head("value", x, Context()), references.head("value", x, Context()))
    action, *_ = example["agent"].get_action_and_value(x)
    assert action.shape == (50,)
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file(example["agent"].state_dict(), tmp_path / "agent.safetensors")
    again = example["Agent"](4, 2)
    again.load_state_dict(safetensors.load_file(tmp_path / "agent.safetensors"))
    torch.testing.assert_close(again.actor(x), example["agent"].actor(x))
