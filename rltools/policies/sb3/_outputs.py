"""What a family of networks gives to a policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from gymnasium import Space
from stable_baselines3.common.torch_layers import FlattenExtractor
from torch import Tensor, nn

from rltools.policies.torch_policy import Choose, Head


@dataclass(frozen=True)
class Outputs:
    """The heads of a network, and how it chooses.

    Attributes:
        heads: name -> function of the preprocessed input `[batch, ...]`, differentiable; the first one decides.
        choose: as `TorchPolicy` takes it; None for the highest score, or a draw from the logits.
    """

    heads: Mapping[str, Head]
    choose: Choose | None = None


def layers(extractor: nn.Module) -> tuple[nn.Module, ...]:
    """What a features extractor does, as modules that `chain` may know."""
    return (extractor.flatten,) if type(extractor) is FlattenExtractor else (extractor,)


def unscale(space: Space[Any]) -> Head:
    """From [-1, 1] to the bounds of a Box, as the environment receives it."""
    low, high = _bounds(space)
    return lambda action: low.to(action) + (0.5 * (action + 1.0) * (high.to(action) - low.to(action)))


def clip(space: Space[Any]) -> Head:
    """Into the bounds of a Box; outside of them no gradient passes."""
    low, high = _bounds(space)
    return lambda action: torch.clamp(action, low.to(action), high.to(action))


def _bounds(space: Any) -> tuple[Tensor, Tensor]:
    return torch.as_tensor(space.low.reshape(-1)), torch.as_tensor(space.high.reshape(-1))
