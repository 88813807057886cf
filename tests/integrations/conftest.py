"""What the tests of formats share: a small recording, and places of their own for every library that keeps data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.spaces import Box

import rltools
from rltools.recording import Recording


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for everything that a format writes, which is also the working directory; nothing goes online."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    monkeypatch.setenv("HF_LEROBOT_HOME", str(tmp_path / "lerobot-home"))
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    for name in ("WANDB_DIR", "WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    return tmp_path


@pytest.fixture
def recording(stores: Path, cartpole: Any) -> Recording:
    """Two short episodes of a policy, explained by two methods."""
    recorded = rltools.record(cartpole, episodes=2, max_steps=12, directory=stores / "poles")
    recorded = rltools.explain(recorded, cartpole, method="input_x_gradient")
    return rltools.explain(recorded, cartpole, method="gradient", target="logit:all")


@pytest.fixture
def image_policy(make_env: Callable[..., Any], make_policy: Callable[..., Any]) -> tuple[Any, Any]:
    """A policy that observes images of 32 x 32 pixels, which Minari keeps as JPEG if it may, and its environment."""
    env = make_env(
        observation_space=Box(0, 255, (32, 32, 3), np.uint8),
        reset=lambda env: (env.np_random.integers(0, 256, (32, 32, 3), np.uint8), {}),
    )
    return make_policy(env), env
