"""Defines views of a policy to explain: a window of observations, factors of choices, the network's units."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from rltools.attributions import in_network_units
from rltools.errors import ArgumentError
from rltools.policies.base import Context, Policy
from rltools.policies.decide import next_state
from rltools.policies.view import PolicyView
from rltools.spaces import Features
from rltools.spaces.factors import decode, encode


class Window(PolicyView):
    """A recurrent policy as a function of its last observations, `x [batch, lag, *feature]`, the latest one last.

    Attributions with respect to a window show what past observations contribute through the recurrent state; without
    a window, `explain` holds the state fixed. Here only the state before the window is: `context.state`. The first
    `context.before` observations of a window would lie before the start of the episode, and the network does not get
    them.

    Args:
        policy: a recurrent policy.
        lags: the number of observations in the window.

    Raises:
        ArgumentError: the policy is not recurrent, or `lags` is below 1.
    """

    module = None
    """The network runs once per observation, so methods that look into its layers cannot follow one output."""

    def __init__(self, policy: Policy, lags: int) -> None:
        if not policy.state_size:
            raise ArgumentError(
                f"a window is for recurrent policies, and {policy.source.name} is not recurrent; leave it out"
            )
        if lags < 1:
            raise ArgumentError(f"window is {lags}; it must be at least 1")
        super().__init__(policy)
        self.lags: int = lags
        self.features: Features = policy.features.windowed(lags)

    def around(self, policy: Policy) -> Window:
        """The same window around another policy."""
        return Window(policy, self.lags)

    def encode(self, observations: Any) -> Tensor:
        """Single observations `[batch, ...]`, each as a window in which nothing changed."""
        x = self.policy.encode(observations)
        return x[:, None].expand(-1, self.lags, *x.shape[1:]).clone()

    def head(self, name: str, x: Tensor, context: Context) -> Tensor:
        """`x [batch, lag, *feature]` -> `[batch, k]`, differentiable in every observation of the window."""
        return self.policy.head(name, x[:, -1].clone(), self._before_latest(x, context))

    def advance(self, x: Tensor, context: Context) -> Tensor:
        """`x [batch, lag, *feature]` and the state before them -> the state `[batch, state]` after them."""
        return next_state(self.policy, x[:, -1].clone(), self._before_latest(x, context))

    def clipped(self, x: Tensor) -> Tensor | None:
        """`x [batch, lag, *feature]` -> bool `[batch, *feature]`, the clipped elements of the latest observation."""
        return _clipped(self.policy, x[:, -1])

    def _before_latest(self, x: Tensor, context: Context) -> Context:
        """The context of the latest observation: its state depends on the observations before it."""
        state = x.new_zeros(len(x), self.state_size) if context.state is None else context.state
        for lag in range(self.lags - 1):
            after = next_state(self.policy, x[:, lag].clone(), replace(context, state=state, before=None))
            unseen = torch.zeros(len(x), dtype=torch.bool) if context.before is None else context.before > lag
            state = torch.where(unseen.to(x.device)[:, None], state, after)
        return replace(context, state=state, before=None)


class Decoded(PolicyView):
    """A policy as a function of the factors that its choices combine, `x [batch, *decoded feature]`.

    A choice that an environment's card decodes, such as the 500 states of Taxi, is one-hot by row, column, passenger
    and destination instead. So each factor can be replaced alone, by that of another state.

    Args:
        policy: the policy.
        features: of its observation, with factors; None for the policy's own.
    """

    module = None
    """The network gets products of the inputs, so methods that look into its layers cannot follow a factor."""

    def __init__(self, policy: Policy, features: Features | None = None) -> None:
        super().__init__(policy)
        self.observed: Features = policy.features if features is None else features
        self.features: Features = self.observed.decoded

    def around(self, policy: Policy) -> Decoded:
        """The same factors of another policy."""
        return Decoded(policy, self.observed)

    def encode(self, observations: Any) -> Tensor:
        """Observations `[batch, ...]` -> their factors one-hot."""
        factors: Tensor = decode(self.observed, self.policy.encode(observations), torch)
        return factors

    def head(self, name: str, x: Tensor, context: Context) -> Tensor:
        """`x [batch, *decoded feature]` -> `[batch, k]`, differentiable."""
        return self.policy.head(name, encode(self.observed, x, torch), context)

    def advance(self, x: Tensor, context: Context) -> Tensor:
        """`x [batch, *decoded feature]` -> the state `[batch, state]` after it."""
        return next_state(self.policy, encode(self.observed, x, torch), context)

    def clipped(self, x: Tensor) -> Tensor | None:
        """`x [batch, *decoded feature]` -> bool `[batch, *feature]`, the clipped elements of the observation."""
        return _clipped(self.policy, encode(self.observed, x, torch))


def observed_features(policy: Policy) -> Features:
    """The features of a single observation as it is recorded, behind the views of a policy."""
    while isinstance(policy, Window):
        policy = policy.policy
    return policy.observed if isinstance(policy, Decoded) else policy.features


Units = Literal["environment", "network"]


def in_units(policy: Policy, units: Units) -> Policy:
    """The policy with its features in the environment's units, or in those of its network (normalized).

    Raises:
        ArgumentError: unknown units, or the network takes observations as they are.
    """
    if units == "environment":
        return policy
    if units != "network":
        raise ArgumentError(f"units are 'environment' or 'network', not {units!r}")
    make = getattr(policy, "in_network_units", None)
    if make is None:
        raise ArgumentError(
            f"{policy.source.name} takes observations in the environment's units; leave units='network' out"
        )
    same: Policy = make()
    return same


def explained_unit(unit: str, units: str) -> str:
    """The unit of a method's values for features in the environment's or the network's units."""
    return in_network_units(unit) if units == "network" else unit


def clipped_entries(policy: Policy, x: Tensor) -> dict[str, np.ndarray]:
    """The column with the number of clipped elements of each row's observation; empty if nothing is ever clipped."""
    clipped = _clipped(policy, x)
    if clipped is None:
        return {}
    counts = clipped.reshape(len(clipped), prod(clipped.shape[1:])).sum(1)
    return {"clipped": counts.numpy(force=True).astype(np.float32)}


def _clipped(policy: Policy, x: Tensor) -> Tensor | None:
    """See `Normalizing.clipped`; None for a policy that does not normalize."""
    find = getattr(policy, "clipped", None)
    clipped: Tensor | None = None if find is None else find(x)
    return clipped


def compiled(policy: Policy) -> Policy:
    """The policy with its heads compiled; see `torch.compile`.

    Raises:
        ArgumentError: it cannot be compiled.
    """
    make = getattr(policy, "compiled", None)
    if make is None:
        raise ArgumentError(f"{policy.source.name} cannot be compiled; leave compile=True out")
    same: Policy = make()
    return same
