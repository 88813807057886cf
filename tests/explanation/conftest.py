import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from torch import nn

import rltools
from rltools.attributions import method
from rltools.explanation import spec as _asking


class Walk(gymnasium.Env):
    """Observations drawn from the seed; ends after `length` steps, or fails at once for the seeds in `failing`."""

    action_space = Discrete(3)

    def __init__(self, shape=(4,), length=7, failing=(), dtype=np.float32):
        self.observation_space = Box(0, 255, shape, np.uint8) if dtype == np.uint8 else Box(-9, 9, shape, dtype)
        self.length, self.failing = length, failing

    def _observe(self):
        if self.observation_space.dtype == np.uint8:
            return self.rng.integers(0, 256, self.observation_space.shape).astype(np.uint8)
        return self.rng.normal(size=self.observation_space.shape).astype(np.float32)

    def reset(self, *, seed=None, options=None):
        if seed in self.failing:
            raise RuntimeError("no ground to walk on")
        self.rng, self.steps = np.random.default_rng(seed), 0
        return self._observe(), {}

    def step(self, action):
        self.steps += 1
        return self._observe(), 1.0, self.steps >= self.length, False, {}


def make_policy(module=None, shape=(4,), dtype=torch.float32, seed=0, **options):
    torch.manual_seed(seed)
    if module is None:
        module = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).to(dtype)
    space = options.pop("space", None) or Box(-9, 9, shape, np.float32)
    return rltools.TorchPolicy(module, space, Discrete(3), dtype=dtype, **options)


@pytest.fixture
def policy():
    return make_policy()


@pytest.fixture
def recording(policy, tmp_path):
    return rltools.record(policy, Walk, episodes=4, directory=tmp_path / "run")


def observations_of(recording):
    return np.concatenate([episode.observations for episode in recording])


def files_of(recording):
    paths = sorted((recording.directory / "attributions").glob("*/*.parquet"))
    return {path.relative_to(recording.directory): (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}


@pytest.fixture(name="Walk")
def given_walk():
    return Walk


@pytest.fixture(name="make_policy")
def given_make_policy():
    return make_policy


@pytest.fixture(name="observations_of")
def given_observations_of():
    return observations_of


@pytest.fixture(name="files_of")
def given_files_of():
    return files_of


@pytest.fixture
def offering(monkeypatch):
    """Offer a function as the method that explain finds, whatever name it is asked by."""

    def offer(function, needs=(), **declared):
        result = method(unit="score", needs=needs, cost=1, **declared)(function)
        monkeypatch.setattr(_asking, "find_method", lambda name: result)

    return offer
