"""What a recurrent policy was made to do by each of its last observations, through what it remembers.

The window of observations is the input, `x [batch, lag, *feature]`, the last one now; what the policy remembered before
the window is held. The other kind of attribution, of the observation of the moment with all that is remembered held, is
what `explain` does without a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from rltools.attributions import in_network_units
from rltools.errors import ArgumentError
from rltools.policies.base import ActResult, Context, Policy, Source, next_state


class Window:
    """A recurrent policy as one of the last so many observations; see `rltools.policies.base.Policy`.

    `context.state` is what was remembered before the window, and `context.before` how many of its observations would
    lie before the episode began: the network is not shown those.
    """

    def __init__(self, policy: Policy, lags: int) -> None:
        if not policy.state_size:
            raise ArgumentError(
                f"a window is for recurrent policies, and {policy.source.name} remembers nothing; leave it out"
            )
        if lags < 1:
            raise ArgumentError(f"window is {lags}; it must be at least 1")
        self.policy, self.lags = policy, lags
        self.features = policy.features.windowed(lags)
        self.observation_space, self.action_space = policy.observation_space, policy.action_space
        self.action_names, self.branches, self.heads = policy.action_names, policy.branches, policy.heads
        self.state_size, self.masked, self.dtype = policy.state_size, policy.masked, policy.dtype

    @property
    def source(self) -> Source:
        """Where it comes from, as the policy says at this moment."""
        return self.policy.source

    @property
    def device(self) -> torch.device:
        """Where the policy's network is at this moment."""
        return self.policy.device

    def encode(self, observations: Any) -> Tensor:
        """Single observations `[batch, ...]`, each as a window that never changed."""
        x = self.policy.encode(observations)
        return x[:, None].expand(-1, self.lags, *x.shape[1:]).clone()

    def head(self, name: str, x: Tensor, context: Context) -> Tensor:
        """`x [batch, lag, *feature]` -> `[batch, k]`, differentiable in every observation of the window."""
        state = context.state
        if state is None:
            state = x.new_zeros(len(x), self.state_size)
        for lag in range(self.lags - 1):
            after = next_state(self.policy, x[:, lag].clone(), replace(context, state=state, before=None))
            unseen = torch.zeros(len(x), dtype=torch.bool) if context.before is None else context.before > lag
            state = torch.where(unseen.to(x.device)[:, None], state, after)
        return self.policy.head(name, x[:, -1].clone(), replace(context, state=state, before=None))

    def choose(
        self,
        scores: Tensor,
        *,
        deterministic: bool = True,
        rngs: Sequence[np.random.Generator] | None = None,
        mask: Tensor | None = None,
    ) -> np.ndarray:
        """See `Policy.choose`."""
        return self.policy.choose(scores, deterministic=deterministic, rngs=rngs, mask=mask)

    def act(
        self,
        observations: Any,
        context: Context,
        *,
        deterministic: bool = True,
        rngs: Sequence[np.random.Generator] | None = None,
    ) -> ActResult:
        """See `Policy.act`; the policy acts, whatever the window."""
        return self.policy.act(observations, context, deterministic=deterministic, rngs=rngs)


Units = Literal["environment", "network"]


@runtime_checkable
class Normalizing(Protocol):
    """What a policy has besides that may normalize its observations."""

    def in_network_units(self) -> Policy:
        """The same policy with normalized observations as its features."""
        ...

    def clipped(self, x: Tensor) -> Tensor | None:
        """`x [batch, *feature]` -> bool of that shape, the entries that only their limit is left of; None for none."""
        ...


def in_units(policy: Policy, units: Units) -> Policy:
    """The policy with its features in these units.

    Raises:
        ArgumentError: no such units, or the network takes observations as they are.
    """
    if units == "environment":
        return policy
    if units != "network":
        raise ArgumentError(f"units are 'environment' or 'network', not {units!r}")
    if not isinstance(policy, Normalizing):
        raise ArgumentError(
            f"{policy.source.name} takes observations in the environment's units; leave units='network' out"
        )
    return policy.in_network_units()


def explained_unit(unit: str, units: str) -> str:
    """The unit of a method's values where features are in these units."""
    return in_network_units(unit) if units == "network" else unit


def clipped_entries(policy: Policy, x: Tensor) -> dict[str, np.ndarray]:
    """The column that says how many entries of each row's observation are clipped; none where none can be."""
    if isinstance(policy, Window):
        policy, x = policy.policy, x[:, -1]
    found = policy.clipped(x) if isinstance(policy, Normalizing) else None
    if found is None:
        return {}
    entries = found.reshape(len(found), prod(found.shape[1:]))
    return {"clipped": entries.sum(1).numpy(force=True).astype(np.float32)}


@runtime_checkable
class Compilable(Protocol):
    """What a policy has besides whose heads can be compiled."""

    def compiled(self) -> Policy:
        """The same policy, compiled."""
        ...


def compiled(policy: Policy) -> Policy:
    """The policy with its heads compiled; see `torch.compile`.

    Raises:
        ArgumentError: it has no such thing.
    """
    if not isinstance(policy, Compilable):
        raise ArgumentError(f"{policy.source.name} cannot be compiled; leave compile=True out")
    return policy.compiled()
