"""The two networks that are measured, with observations and contexts for them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from torch import Tensor, nn

import rltools
from rltools.attributions import find_method
from rltools.policies.base import Context
from rltools.targets import PolicyTargetFunction, make_target_function, parse_target


def mlp() -> tuple[rltools.TorchPolicy, nn.Module]:
    """lunarlander-ppo, 8-64-64-4 with tanh, and its layers as a separate module."""
    policy = rltools.load_policy("lunarlander-ppo")
    return policy, nn.Sequential(*policy.module.mlp_extractor.policy_net, policy.module.action_net).eval()


def nature_cnn() -> tuple[rltools.TorchPolicy, nn.Module]:
    """The network of Mnih et al. (2015), 4x84x84 frames to 18 actions, with random weights."""
    torch.manual_seed(0)
    net = nn.Sequential(
        *(nn.Conv2d(4, 32, 8, 4), nn.ReLU(), nn.Conv2d(32, 64, 4, 2), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(3136, 512), nn.ReLU(), nn.Linear(512, 18)),
    ).eval()
    return rltools.TorchPolicy(net, Box(0, 1, (4, 84, 84), np.float32), Discrete(18)), net


def states(policy: rltools.TorchPolicy, batch: int) -> tuple[Tensor, Context]:
    """Random observations, and a context with the actions that the policy chooses in them."""
    shape = policy.features.shape
    x = torch.rand(batch, *shape, generator=torch.Generator().manual_seed(0))
    if len(shape) == 1:
        x = torch.randn(batch, *shape, generator=torch.Generator().manual_seed(0))
    return x, policy.act(x.numpy(), Context()).context


def score_of(policy: rltools.TorchPolicy, target: str, context: Context) -> PolicyTargetFunction:
    """The target function of a policy for rows with this context."""
    return make_target_function(policy, parse_target(target, policy), context)


def forward(net: nn.Module, x: Tensor) -> Callable[[], object]:
    """One forward pass without gradients."""

    def call() -> object:
        with torch.no_grad():
            return net(x)

    return call


def leaf(x: Tensor) -> Tensor:
    """A copy that requires a gradient, as Captum needs it."""
    return x.clone().requires_grad_()


def method(name: str) -> Callable[..., object]:
    """A method by its name."""
    return find_method(name)
