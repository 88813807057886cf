"""Small random networks as policies with a target, to test attribution methods on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from torch import Tensor, nn

from rltools.policies.base import Context
from rltools.policies.torch_policy import TorchPolicy
from rltools.spaces import Features
from rltools.spaces.axes import element_axes, image_axes
from rltools.targets import PolicyTargetFunction, make_target_function, parse_target

ACTIONS = 3
ROWS = 5
REFERENCES = 3
VECTOR = (4,)
IMAGE = (2, 2, 3)
"""The shape [channel, y, x]; exact Shapley values take no more elements."""


@dataclass(frozen=True)
class Case:
    """A network and a target, with rows to explain and references to compare them with, all in float64.

    Attributes:
        module: the network, `[batch, *feature] -> [batch, ACTIONS]`.
        target: the target as text.
        x: `[ROWS, *feature]`.
        references: `[REFERENCES, *feature]`.
        action: int64 `[ROWS]`, the actions to explain; not the network's own choice, so that rows differ.
    """

    module: nn.Module
    target: str
    x: Tensor
    references: Tensor
    action: Tensor

    @property
    def target_function(self) -> PolicyTargetFunction:
        """The target function of the rows."""
        shape = tuple(self.x.shape[1:])
        policy = TorchPolicy(
            self.module,
            Box(-np.inf, np.inf, shape, np.float64),
            Discrete(ACTIONS),
            features=Features(shape, image_axes(shape) or element_axes(shape)),
            dtype=torch.float64,
        )
        with torch.no_grad():
            scores = policy.head("logit", self.x, Context())
        return make_target_function(
            policy, parse_target(self.target, policy), Context(action=self.action, scores=scores)
        )


def make_case(
    build: Callable[[tuple[int, ...], torch.Generator], nn.Module],
    shape: tuple[int, ...],
    target: str,
    seed: int,
) -> Case:
    """A case with a network that `build` makes; everything is drawn from the seed."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):  # layers draw from the global random state when they are made
        module = build(shape, generator)
    x = torch.randn(ROWS, *shape, dtype=torch.float64, generator=generator)
    references = torch.randn(REFERENCES, *shape, dtype=torch.float64, generator=generator)
    action = torch.randint(ACTIONS, (ROWS,), generator=generator)
    return Case(module, target, x, references, action)


def linear(shape: tuple[int, ...], generator: torch.Generator) -> nn.Module:
    """A network of a single layer."""
    return _drawn(nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(shape)), ACTIONS)), generator)


def tanh_network(shape: tuple[int, ...], generator: torch.Generator) -> nn.Module:
    """A smooth network of two layers."""
    return _drawn(_two_layers(shape, nn.Tanh()), generator)


def relu_network(shape: tuple[int, ...], generator: torch.Generator) -> nn.Module:
    """A network of two layers, with kinks."""
    return _drawn(_two_layers(shape, nn.ReLU()), generator)


def convolutional_network(shape: tuple[int, ...], generator: torch.Generator) -> nn.Module:
    """A convolution of `[channel, y, x]` and a linear layer."""
    channels, height, width = shape
    net = nn.Sequential(
        nn.Conv2d(channels, 4, 2), nn.Tanh(), nn.Flatten(), nn.Linear(4 * (height - 1) * (width - 1), ACTIONS)
    )
    return _drawn(net, generator)


def _two_layers(shape: tuple[int, ...], activation: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(shape)), 8), activation, nn.Linear(8, ACTIONS))


def _drawn(module: nn.Module, generator: torch.Generator) -> nn.Module:
    module = module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            fan_in = max(1, parameter[0].numel()) if parameter.ndim > 1 else 1
            parameter.copy_(torch.randn(parameter.shape, dtype=torch.float64, generator=generator) / fan_in**0.5)
    return module
