"""From the raw scores of an actor to heads and actions, for each space of actions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import MultiBinary
from torch import Tensor

from rltools.errors import ArgumentError
from rltools.policies._actions import branches
from rltools.policies._chain import Chain
from rltools.policies._choosing import clipping, gaussian
from rltools.policies._memory import Memory
from rltools.policies.sb3._outputs import Outputs, bounding
from rltools.policies.torch_policy import Choose, Head

# As distributions.StateDependentNoiseDistribution and the actors of SAC, TQC and CrossQ have it.
LOG_STD_MIN, LOG_STD_MAX = -20.0, 2.0


def actor_critic(network: Any, actor: Head, latent: Head, critic: Head, memory: Memory | None = None) -> Outputs:
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
        return Outputs({"logit": partial(_bits, actor), "value": critic}, memory=memory)
    if branches(space):
        return Outputs({"logit": actor, "value": critic}, memory=memory)
    squashed, received = network.squash_output, bounding(space, squashed=network.squash_output)
    heads: dict[str, Head] = {"mean": actor, "action": Chain(actor, received), "value": critic}
    if network.use_sde:
        return Outputs(heads, choose_from(received), partial(explored, network, latent), memory)
    finish = partial(as_array, received) if squashed else clipping(space)
    return Outputs(heads, partial(_drawn, network, finish), memory=memory)


def _drawn(
    network: Any,
    finish: Callable[[Tensor], np.ndarray],
    scores: Tensor,
    deterministic: bool,
    rngs: Sequence[np.random.Generator] | None,
) -> np.ndarray:
    if not deterministic:
        scores = gaussian(scores, network.log_std.detach().exp().to(scores), rngs)
    return finish(scores)


def _bits(actor: Head, x: Any) -> Tensor:
    return off_and_on(actor(x))


def off_and_on(logits: Tensor) -> Tensor:
    """The logits `[batch, n]` of bits that are on -> scores `[batch, 2 n]`, each bit's for off and for on."""
    return torch.stack([torch.zeros_like(logits), logits], dim=2).flatten(1)


def choose_from(received: Head) -> Choose:
    """A choice among continuous actions whose deviation depends on the observation."""
    return partial(_of_mean, received)


def _of_mean(
    received: Head, scores: Tensor, deterministic: bool, rngs: Sequence[np.random.Generator] | None
) -> np.ndarray:
    if not deterministic:
        raise ArgumentError(
            "scores alone do not say how far this actor strays from its mean: let act(deterministic=False) draw "
            "from the observations, or choose with deterministic=True"
        )
    return as_array(received, scores)


def as_array(received: Head, scores: Tensor, *_: Any) -> np.ndarray:
    """The action that the environment receives; of actors that draw nothing the whole choice."""
    actions: np.ndarray = received(scores).cpu().numpy()
    return actions


def explored(actor: Any, latent: Head, x: Any) -> Tensor:
    """The deviation `[batch, k]` of a step's action under state-dependent exploration (gSDE).

    The library keeps one draw of its exploration matrix for several steps; here each step has its own, so the noise of
    one step is the same and that of several steps in a row is not.
    """
    distribution = actor.action_dist
    variance = (latent(x) ** 2) @ (distribution.get_std(actor.log_std) ** 2)
    return torch.sqrt(variance + distribution.epsilon)
