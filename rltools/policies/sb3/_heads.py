"""What a family of networks gives to a policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import Space
from gymnasium.spaces import MultiBinary
from torch import Tensor

from rltools.errors import ArgumentError
from rltools.policies.actions import branches, clipping, gaussian
from rltools.policies.base import RecurrentState
from rltools.policies.torch_policy import Choose, Head
from rltools.policies.vjp._chain import Chain
from rltools.policies.vjp._layers import Clipped, TanhLayer, Unscaled, halves


@dataclass(frozen=True)
class Heads:
    """The heads of a network, and how it chooses.

    Attributes:
        heads: name -> function of the preprocessed input `[batch, ...]`, differentiable; the first one decides. With a
            memory, of what is recalled; the "q_value" of continuous actions, of the input and the action received.
        choose: as `TorchPolicy` takes it; None for the highest score, or a draw from the logits.
        std: as `TorchPolicy` takes it, of what the first head is a function of.
        memory: of a recurrent network, as functions of the preprocessed input and the state.
        masked: whether it was trained with actions that are not allowed.
    """

    heads: Mapping[str, Head]
    choose: Choose | None = None
    std: Head | None = None
    memory: RecurrentState | None = None
    masked: bool = False


def scale(space: Space[Any]) -> Head:
    """From the bounds of a Box to [-1, 1]."""
    low, high = bounds(space)
    if Unscaled(low, high).are_huge:

        def scaled(action: Tensor) -> Tensor:
            middle, half = halves(low, high, action)
            return (action - middle) / half

        return scaled
    return lambda action: 2.0 * ((action - low.to(action)) / (high.to(action) - low.to(action))) - 1.0


def bounding(space: Space[Any], *, squashed: bool) -> Chain:
    """From the mean of a continuous actor to the action that the environment receives: squashed, or clipped."""
    ends = bounds(space)
    return Chain(TanhLayer(), Unscaled(*ends)) if squashed else Chain(Clipped(*ends))


def bounds(space: Any) -> tuple[Tensor, Tensor]:
    """The lowest and the highest action of a Box, `[entry]`."""
    return torch.as_tensor(space.low.reshape(-1)), torch.as_tensor(space.high.reshape(-1))


# As distributions.StateDependentNoiseDistribution and the actors of SAC, TQC and CrossQ have it.
LOG_STD_MIN, LOG_STD_MAX = -20.0, 2.0


def actor_critic(network: Any, actor: Head, latent: Head, critic: Head, memory: RecurrentState | None = None) -> Heads:
    """The outputs of an actor-critic network.

    Args:
        network: of `ActorCriticPolicy` or a class derived from it.
        actor: -> the raw output of `action_net`.
        latent: -> what `action_net` is a function of.
        critic: -> the value of the state.
        memory: of a recurrent network.
    """
    space = network.action_space
    if isinstance(space, MultiBinary):
        return Heads({"logit": lambda x: off_and_on(actor(x)), "value": critic}, memory=memory)
    if branches(space):
        return Heads({"logit": actor, "value": critic}, memory=memory)
    squashed, received = network.squash_output, bounding(space, squashed=network.squash_output)
    heads: dict[str, Head] = {"mean": actor, "action": Chain(actor, received), "value": critic}
    if network.use_sde:
        return Heads(heads, choose_from(received), lambda x: exploring(network, latent(x)), memory)

    clipped = clipping(space)

    def choose(scores: Tensor, deterministic: bool, rngs: Sequence[np.random.Generator] | None) -> np.ndarray:
        if not deterministic:
            scores = gaussian(scores, network.log_std.detach().exp().to(scores), rngs)
        return received(scores).cpu().numpy() if squashed else clipped(scores)

    return Heads(heads, choose, memory=memory)


def off_and_on(logits: Tensor) -> Tensor:
    """The logits `[batch, n]` of bits that are on -> scores `[batch, 2 n]`, each bit's for off and for on."""
    return torch.stack([torch.zeros_like(logits), logits], dim=2).flatten(1)


def choose_from(received: Head) -> Choose:
    """A choice among continuous actions whose deviation depends on the observation, or that have none."""

    def choose(scores: Tensor, deterministic: bool, rngs: Sequence[np.random.Generator] | None) -> np.ndarray:
        if not deterministic:
            raise ArgumentError(
                "scores alone do not say how far this actor strays from its mean: let act(deterministic=False) draw "
                "from the observations, or choose with deterministic=True"
            )
        return received(scores).cpu().numpy()

    return choose


def exploring(actor: Any, latent: Tensor) -> Tensor:
    """The deviation `[batch, k]` of a step's action under state-dependent exploration (gSDE).

    The library keeps one draw of its exploration matrix for several steps; here each step has its own, so the noise of
    one step is the same and that of several steps in a row is not.
    """
    distribution = actor.action_dist
    variance = (latent**2) @ (distribution.get_std(actor.log_std) ** 2)
    return torch.sqrt(variance + distribution.epsilon)
