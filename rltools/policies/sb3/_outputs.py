"""What a family of networks gives to a policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from gymnasium import Space
from stable_baselines3.common.torch_layers import FlattenExtractor
from torch import Tensor, nn

from rltools.policies._memory import Memory
from rltools.policies.torch_policy import Choose, Head


@dataclass(frozen=True)
class Outputs:
    """The heads of a network, and how it chooses.

    Attributes:
        heads: name -> function of the preprocessed input `[batch, ...]`, differentiable; the first one decides. With a
            memory, of what is recalled; the "q_value" of continuous actions, of the input and the action received.
        choose: as `TorchPolicy` takes it; None for the highest score, or a draw from the logits.
        deviation: as `TorchPolicy` takes it, of what the first head is a function of.
        memory: of a recurrent network, as functions of the preprocessed input and the state.
        masked: whether it was trained with actions that are not allowed.
    """

    heads: Mapping[str, Head]
    choose: Choose | None = None
    deviation: Head | None = None
    memory: Memory | None = None
    masked: bool = False


def layers(extractor: nn.Module) -> tuple[nn.Module, ...]:
    """What a features extractor does, as modules that `chain` may know."""
    return (extractor.flatten,) if type(extractor) is FlattenExtractor else (extractor,)


def in_turn(*parts: Callable[[Any], Any]) -> Head:
    """A function that does what calling the parts in turn does."""

    def call(x: Any) -> Any:
        for part in parts:
            x = part(x)
        return x

    return call


def unscale(space: Space[Any]) -> Head:
    """From [-1, 1] to the bounds of a Box, as the environment receives it."""
    low, high = _bounds(space)
    return lambda action: low.to(action) + (0.5 * (action + 1.0) * (high.to(action) - low.to(action)))


def scale(space: Space[Any]) -> Head:
    """From the bounds of a Box to [-1, 1]."""
    low, high = _bounds(space)
    return lambda action: 2.0 * ((action - low.to(action)) / (high.to(action) - low.to(action))) - 1.0


def clip(space: Space[Any]) -> Head:
    """Into the bounds of a Box; outside of them no gradient passes."""
    low, high = _bounds(space)
    return lambda action: torch.clamp(action, low.to(action), high.to(action))


def _bounds(space: Any) -> tuple[Tensor, Tensor]:
    return torch.as_tensor(space.low.reshape(-1)), torch.as_tensor(space.high.reshape(-1))
