"""A policy whose gradient tells the state it was taken in, and an environment whose states tell where they are."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from torch import nn

from rltools import TorchPolicy


class Counting(gymnasium.Env):
    """Observes (episode, t), each from 1 and 0; an episode has `length` steps."""

    observation_space = Box(0, 100, (2,), np.float32)
    action_space = Discrete(2)

    def __init__(self, length=3, reuse=False):
        self.length, self.reuse = length, reuse
        self.state = np.zeros(2, np.float32)
        self.info = {"own": 1}
        self.actions = []

    def _observe(self):
        return self.state if self.reuse else self.state.copy()

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state[:] = self.state[0] + 1, 0
        return self._observe(), self.info

    def step(self, action):
        if isinstance(action, str):
            raise RuntimeError("a motor is stuck")
        self.actions.append(action)
        self.state[1] += 1
        return self._observe(), 1.5, bool(self.state[1] >= self.length), False, self.info


@pytest.fixture
def counting():
    return Counting


@pytest.fixture
def squares():
    """logits x²: the gradient of `logit:all` is diagonal, twice the state."""
    return TorchPolicy(lambda x: x**2, Counting.observation_space, Counting.action_space, name="squares")


@pytest.fixture
def explained_state():
    """From attributions of `logit:all` by `squares`, `[..., 2, 2]`, to the state they were taken in."""
    return lambda attribution: np.diagonal(attribution, axis1=-2, axis2=-1) / 2


class Net(nn.Module):
    """Counts its calls, and refuses to be copied."""

    def __init__(self, inputs=4, outputs=2):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(inputs, 8), nn.Tanh(), nn.Linear(8, outputs))
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return self.layers(x)

    def __deepcopy__(self, memo):
        raise AssertionError("the policy was copied")


@pytest.fixture
def cartpole():
    env = gymnasium.make("CartPole-v1")
    yield env
    env.close()


@pytest.fixture
def make_net():
    return Net


@pytest.fixture
def net():
    return Net()


@pytest.fixture
def policy(cartpole, net):
    # The very spaces of the environment: drawing from them would change what the environment's user draws.
    return TorchPolicy(net, cartpole.observation_space, cartpole.action_space, name="net")
