"""Continuous actions of a rebuilt network: from its mean to what the environment receives, and its std."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from gymnasium import Space
from gymnasium.spaces import Box
from torch import Tensor, nn

from rltools.errors import ArgumentError
from rltools.policies.torch_policy import Head
from rltools.policies.vjp._chain import Chain
from rltools.policies.vjp._layers import ClipLayer, RescaleLayer, TanhLayer


def clipped(space: Space[Any]) -> Chain:
    """From means to what the environment receives: clipped to its bounds.

    Example:
        >>> import torch
        >>> from gymnasium.spaces import Box
        >>> from rltools.policies.saved.continuous import clipped
        >>> clipped(Box(-2, 2, (1,)))(torch.tensor([[0.5], [3.0]])).flatten().tolist()
        [0.5, 2.0]
    """
    return Chain(ClipLayer(*_bounds(space)))


def squashed(space: Space[Any]) -> Chain:
    """From means to what the environment receives: through tanh, and scaled to its bounds.

    Example:
        >>> import torch
        >>> from gymnasium.spaces import Box
        >>> from rltools.policies.saved.continuous import squashed
        >>> squashed(Box(-2, 2, (1,)))(torch.tensor([[0.0], [9.0]])).round().flatten().tolist()
        [0.0, 2.0]
    """
    return Chain(TanhLayer(), RescaleLayer(*_bounds(space)))


def rescaled(space: Space[Any]) -> Chain:
    """From means to what the environment receives: clipped to [-1, 1], and scaled to its bounds.

    Example:
        >>> import torch
        >>> from gymnasium.spaces import Box
        >>> from rltools.policies.saved.continuous import rescaled
        >>> rescaled(Box(-2, 2, (1,)))(torch.tensor([[0.5], [3.0]])).flatten().tolist()
        [1.0, 2.0]
    """
    low, high = _bounds(space)
    return Chain(ClipLayer(-torch.ones_like(low), torch.ones_like(low)), RescaleLayer(low, high))


def _bounds(space: Space[Any]) -> tuple[Tensor, Tensor]:
    """The lowest and the highest action, `[dimension]` each."""
    box = cast("Box", space)
    return torch.from_numpy(box.low.reshape(-1)), torch.from_numpy(box.high.reshape(-1))


@dataclass(frozen=True)
class Received:
    """Chooses, from scores, what the environment receives; see `choose` of `TorchPolicy`.

    Attributes:
        received: from scores to actions.
        is_random: whether the policy draws scores around those of its first head, by a std.
    """

    received: Chain
    is_random: bool

    def __call__(self, scores: Tensor, deterministic: bool, rngs: Sequence[np.random.Generator] | None) -> np.ndarray:
        """The actions `[batch, dimension]`.

        Raises:
            ArgumentError: random actions by scores alone.
        """
        if not deterministic:
            raise ArgumentError(
                "the std of this actor is not in its scores: sample with act(deterministic=False), or choose with "
                "deterministic=True"
                if self.is_random
                else "this actor has no distribution to draw from; choose with deterministic=True"
            )
        actions: np.ndarray = self.received(scores).cpu().numpy()
        return actions


class ConstantStd(nn.Module):
    """A std that does not depend on the observation.

    Args:
        std: `[dimension]`.
    """

    std: Tensor

    def __init__(self, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("std", std.detach().reshape(-1))

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, ...]` -> `[batch, dimension]`."""
        return self.std.expand(len(x), -1)


class SquashedLogStd(nn.Module):
    """A std whose logarithm is a linear function of the last hidden layer, between two bounds.

    Args:
        latent: from observations to the last hidden layer.
        log_std: from there to the logarithm, before tanh squashes it.
        low: the lowest logarithm.
        high: the highest one.
    """

    def __init__(self, latent: nn.Module, log_std: nn.Module, low: float, high: float) -> None:
        super().__init__()
        self.latent: nn.Module = latent
        self.log_std: nn.Module = log_std
        self.low: float = low
        self.high: float = high

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, feature]` -> `[batch, dimension]`."""
        squashed: Tensor = torch.tanh(self.log_std(self.latent(x)))
        return (self.low + 0.5 * (self.high - self.low) * (squashed + 1)).exp()


def lowest_value(critics: nn.ModuleList, x: Tensor, action: Tensor) -> Tensor:
    """`x [batch, feature]` and `action [batch, dimension]` -> `[batch, 1]`, the lowest of the critics' estimates."""
    joined = torch.cat([x, action.to(x)], dim=1)
    return torch.cat([critic(joined) for critic in critics], dim=1).amin(1, keepdim=True)


def mean_heads(mean: Head, space: Space[Any]) -> dict[str, Head]:
    """The heads "mean" and "action" of a Gaussian actor whose actions are clipped to the bounds."""
    return {"mean": mean, "action": Chain(mean, *clipped(space).parts)}
