"""What a family of networks gives to a policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from gymnasium import Space
from stable_baselines3.common.torch_layers import FlattenExtractor, NatureCNN
from torch import Tensor, nn

from rltools.policies._chain import Chain
from rltools.policies._layers import Clipped, Tanh, Unscaled
from rltools.policies._memory import Memory
from rltools.policies.torch_policy import Choose, Head


@dataclass(frozen=True)
class Outputs:
    """The heads of a network, and how it chooses.

    Its functions are partial functions of a module's own, never closures: a policy is pickled and copied with them.

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
    """What a features extractor does, as modules whose layers may be known."""
    if type(extractor) is NatureCNN:
        return extractor.cnn, extractor.linear
    return (extractor.flatten,) if type(extractor) is FlattenExtractor else (extractor,)


def scale(space: Space[Any]) -> Head:
    """From the bounds of a Box to [-1, 1]."""
    return partial(_scaled, *_bounds(space))


def _scaled(low: Tensor, high: Tensor, action: Tensor) -> Tensor:
    return 2.0 * ((action - low.to(action)) / (high.to(action) - low.to(action))) - 1.0


def bounding(space: Space[Any], *, squashed: bool) -> Chain:
    """From the mean of a continuous actor to the action that the environment receives: squashed, or clipped."""
    bounds = _bounds(space)
    return Chain(Tanh(), Unscaled(*bounds)) if squashed else Chain(Clipped(*bounds))


def _bounds(space: Any) -> tuple[Tensor, Tensor]:
    return torch.as_tensor(space.low.reshape(-1)), torch.as_tensor(space.high.reshape(-1))
