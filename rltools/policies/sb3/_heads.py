"""The heads of a network of Stable-Baselines3, and how it chooses actions."""

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
from rltools.policies.vjp._layers import ClipLayer, RescaleLayer, TanhLayer, halves


@dataclass(frozen=True)
class Heads:
    """The heads of a network, and how it chooses actions.

    Attributes:
        heads: name -> differentiable function of the preprocessed input `[batch, ...]`; the first one decides. In a
            recurrent network they take the LSTM's output instead; the "q_value" of continuous actions also takes the
            action that the environment received.
        choose: as in `TorchPolicy`; None for the highest score, or a draw from the logits.
        std: as in `TorchPolicy`, a function of the first head's input.
        recurrent_state: functions of the preprocessed input and the recurrent state; None without one.
        masked: whether it was trained with action masks.
    """

    heads: Mapping[str, Head]
    choose: Choose | None = None
    std: Head | None = None
    recurrent_state: RecurrentState | None = None
    masked: bool = False


def normalize_actions(space: Space[Any]) -> Head:
    """A function from actions within the bounds of a Box to [-1, 1]."""
    low, high = box_bounds(space)
    if RescaleLayer(low, high).are_huge:

        def scaled(action: Tensor) -> Tensor:
            middle, half = halves(low, high, action)
            return (action - middle) / half

        return scaled
    return lambda action: 2.0 * ((action - low.to(action)) / (high.to(action) - low.to(action))) - 1.0


def to_bounds(space: Space[Any], *, squashed: bool) -> Chain:
    """A chain from the mean of a continuous actor to the action that the environment receives: squashed or clipped."""
    bounds = box_bounds(space)
    return Chain(TanhLayer(), RescaleLayer(*bounds)) if squashed else Chain(ClipLayer(*bounds))


def box_bounds(space: Any) -> tuple[Tensor, Tensor]:
    """The lowest and the highest action of a Box, `[dimension]` each."""
    return torch.as_tensor(space.low.reshape(-1)), torch.as_tensor(space.high.reshape(-1))


# As in distributions.StateDependentNoiseDistribution and the actors of SAC, TQC and CrossQ.
LOG_STD_MIN, LOG_STD_MAX = -20.0, 2.0


def actor_critic(
    network: Any, actor: Head, latent: Head, critic: Head, recurrent_state: RecurrentState | None = None
) -> Heads:
    """The heads of an actor-critic network.

    Args:
        network: an `ActorCriticPolicy` or of a class derived from it.
        actor: function that returns the output of `action_net`.
        latent: function that returns the input of `action_net`.
        critic: function that returns the value of the state.
        recurrent_state: of a recurrent network.
    """
    space = network.action_space
    if isinstance(space, MultiBinary):
        return Heads({"logit": lambda x: bit_logits(actor(x)), "value": critic}, recurrent_state=recurrent_state)
    if branches(space):
        return Heads({"logit": actor, "value": critic}, recurrent_state=recurrent_state)
    squashed, received = network.squash_output, to_bounds(space, squashed=network.squash_output)
    heads: dict[str, Head] = {"mean": actor, "action": Chain(actor, received), "value": critic}
    if network.use_sde:
        return Heads(heads, choose_from(received), lambda x: state_dependent_std(network, latent(x)), recurrent_state)

    clipped = clipping(space)

    def choose(scores: Tensor, deterministic: bool, rngs: Sequence[np.random.Generator] | None) -> np.ndarray:
        if not deterministic:
            scores = gaussian(scores, network.log_std.detach().exp().to(scores), rngs)
        return received(scores).cpu().numpy() if squashed else clipped(scores)

    return Heads(heads, choose, recurrent_state=recurrent_state)


def bit_logits(logits: Tensor) -> Tensor:
    """The logits `[batch, n]` of bits being on -> `[batch, 2 n]`, the logits of off and on for each bit."""
    return torch.stack([torch.zeros_like(logits), logits], dim=2).flatten(1)


def choose_from(received: Head) -> Choose:
    """A choice of continuous actions whose std depends on the observation, or that are deterministic."""

    def choose(scores: Tensor, deterministic: bool, rngs: Sequence[np.random.Generator] | None) -> np.ndarray:
        if not deterministic:
            raise ArgumentError(
                "this actor's std depends on the observation, and scores alone do not contain it: sample with "
                "act(deterministic=False), or choose with deterministic=True"
            )
        return received(scores).cpu().numpy()

    return choose


def state_dependent_std(actor: Any, latent: Tensor) -> Tensor:
    """The std `[batch, k]` of a step's action under state-dependent exploration (gSDE).

    The library reuses one draw of its exploration matrix for several steps; here each step draws its own, so the noise
    of a single step has the same distribution and that of consecutive steps does not.
    """
    distribution = actor.action_dist
    variance = (latent**2) @ (distribution.get_std(actor.log_std) ** 2)
    return torch.sqrt(variance + distribution.epsilon)
