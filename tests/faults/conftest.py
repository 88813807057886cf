"""Running a script in a process of its own, which may be killed or starved."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import rltools
from rltools.errors import FaultError

PRELUDE = """
import sys, time
import gymnasium, numpy as np, torch
from gymnasium.spaces import Box, Discrete
torch.set_num_threads(1)
import rltools, rltools.rollout, rltools.explanation, rltools.recording

class Counting(gymnasium.Env):
    observation_space, action_space = Box(-np.inf, np.inf, (3,), np.float32), Discrete(2)
    def __init__(self, length=20, pause=0.0, when_closed=lambda env: None):
        self.length, self.pause, self.when_closed = length, pause, when_closed
        self.state = np.zeros(3, np.float32)
    def reset(self, *, seed=None, options=None):
        self.t, self.seed = 0, seed
        return self.state, {}
    def step(self, action):
        self.t += 1
        time.sleep(self.pause) if self.pause else None
        return self.state, 1.0, self.t >= self.length, False, {}
    def close(self):
        self.when_closed(self)

policy = rltools.TorchPolicy(lambda x: x[:, :2] + 1.0, Counting.observation_space, Counting.action_space, name="tiny")
"""


@pytest.fixture(scope="session")
def script() -> Callable[..., Any]:
    """Starts Python on a script that has `Counting` and `policy`; keyword arguments are environment variables."""

    def start(text: str, *arguments: object, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", PRELUDE + text, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | variables,
        )

    return start


@pytest.fixture(scope="session")
def faulty() -> Callable[..., tuple[str, Any]]:
    """Gives the message of a rollout that goes wrong, and what is kept of it."""

    def rolled(policy: Any, env: Any, **choices: Any) -> tuple[str, Any]:
        with pytest.raises(FaultError) as caught:
            rltools.record(policy, env, **({"episodes": 1} | choices))
        assert caught.value.recording is not None
        assert not list(caught.value.recording.directory.rglob(".unfinished*"))
        return str(caught.value), caught.value.recording

    return rolled
