"""Views of a policy: as a function of its last observations, in the network's units, or compiled.

A window is for recurrent policies: the input is `x [batch, lag, *feature]`, the last observation now, and the recurrent
state before the window is fixed. Without a window, `explain` attributes to the current observation alone, with the
recurrent state fixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from rltools.errors import ArgumentError
from rltools.policies.base import ActResult, Context, Policy, Source, next_state


class Window:
    """A recurrent policy as a function of its last `lags` observations; see `rltools.policies.base.Policy`.

    `context.state` is the recurrent state before the window, and `context.before` how many lags precede the episode:
    the network does not see those.
    """

    def __init__(self, policy: Policy, lags: int) -> None:
        if not policy.state_size:
            raise ArgumentError(
                f"a window is for recurrent policies, and {policy.source.name} is not recurrent; leave it out"
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
        """The source of the policy, which may change."""
        return self.policy.source

    @property
    def device(self) -> torch.device:
        """The device of the policy's network, which may change."""
        return self.policy.device

    def encode(self, observations: Any) -> Tensor:
        """Single observations `[batch, ...]`, each as a window of equal observations."""
        x = self.policy.encode(observations)
        return x[:, None].expand(-1, self.lags, *x.shape[1:]).clone()

    def head(self, name: str, x: Tensor, context: Context) -> Tensor:
        """`x [batch, lag, *feature]` -> `[batch, k]`, differentiable in every observation of the window."""
        state = context.state
        if state is None:
            state = x.new_zeros(len(x), self.state_size)
        for lag in range(self.lags - 1):
            after = next_state(self.policy, x[:, lag].clone(), replace(context, state=state, before=None))
            padding = torch.zeros(len(x), dtype=torch.bool) if context.before is None else context.before > lag
            state = torch.where(padding.to(x.device)[:, None], state, after)
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
    """The ability of a policy that may normalize its observations."""

    def in_network_units(self) -> Policy:
        """The same policy with normalized observations as its features."""
        ...

    def clipped(self, x: Tensor) -> Tensor | None:
        """`x [batch, *feature]` -> bool of that shape, the clipped elements; None if nothing clips."""
        ...


def in_units(policy: Policy, units: Units) -> Policy:
    """The policy with its features in these units.

    Raises:
        ArgumentError: there are no such units, or the policy does not normalize.
    """
    if units == "environment":
        return policy
    if units != "network":
        raise ArgumentError(f"units must be 'environment' or 'network', not {units!r}")
    if not isinstance(policy, Normalizing):
        raise ArgumentError(
            f"{policy.source.name} takes observations in the environment's units; leave units='network' out"
        )
    return policy.in_network_units()


def explained_unit(unit: str, units: str) -> str:
    """The unit of a method's values if features are in these units."""
    return "score per deviation" if units == "network" and unit == "score per unit" else unit


def clipped_entries(policy: Policy, x: Tensor) -> dict[str, np.ndarray]:
    """The column `clipped`: how many elements of each row's observation are clipped; no column if nothing clips."""
    if isinstance(policy, Window):
        policy, x = policy.policy, x[:, -1]
    clipped = policy.clipped(x) if isinstance(policy, Normalizing) else None
    if clipped is None:
        return {}
    elements = clipped.reshape(len(clipped), prod(clipped.shape[1:]))
    return {"clipped": elements.sum(1).numpy(force=True).astype(np.float32)}


@runtime_checkable
class Compilable(Protocol):
    """The ability of a policy whose heads can be compiled."""

    def compiled(self) -> Policy:
        """The same policy, compiled."""
        ...


def compiled(policy: Policy) -> Policy:
    """The policy with its heads compiled; see `torch.compile`.

    Raises:
        ArgumentError: it cannot be compiled.
    """
    if not isinstance(policy, Compilable):
        raise ArgumentError(f"{policy.source.name} cannot be compiled; leave compile=True out")
    return policy.compiled()
