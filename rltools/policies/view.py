"""The base class of policies that are another policy seen differently, for instance over a window of observations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from rltools.policies.base import ActResult, Context, Policy, Source, VjpFn
from rltools.policies.decide import outputs_and_vjp

if TYPE_CHECKING:
    from gymnasium import Space

    from rltools.spaces import Features


class PolicyView(Policy):
    """A policy that forwards everything to another one; a subclass overrides what it changes.

    Attributes and optional abilities are forwarded too, so a view has those abilities that its policy has. Where these
    return a policy (`compiled`, `in_network_units`), that one is viewed again.

    Args:
        policy: the policy behind the view.

    Example:
        A policy that sees every observation with its first feature at 0:

        >>> import rltools
        >>> from rltools.policies.view import PolicyView
        >>> class WithoutPosition(PolicyView):
        ...     def encode(self, observations):
        ...         x = self.policy.encode(observations)
        ...         x[:, 0] = 0
        ...         return x
        >>> view = WithoutPosition(rltools.load_policy("cartpole-ppo"))
        >>> view.encode([[2.0, 0.0, 0.1, 0.0]]).tolist()[0][0], view.heads
        (0.0, ('logit', 'value'))
        >>> type(view.compiled()).__name__
        'WithoutPosition'
    """

    features: Features
    observation_space: Space[Any]
    action_space: Space[Any]
    action_names: tuple[str, ...]
    branches: tuple[int, ...]
    heads: tuple[str, ...]
    state_size: int
    masked: bool
    dtype: torch.dtype

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def __getattr__(self, name: str) -> Any:
        """An attribute or an optional ability of the policy."""
        if name == "policy" or name.startswith("__"):  # not set yet, in a copy that is being made
            raise AttributeError(name)
        value = getattr(self.policy, name)
        return (lambda: self.around(value())) if name in ("compiled", "in_network_units") else value

    def around(self, policy: Policy) -> PolicyView:
        """The same view of another policy."""
        return type(self)(policy)

    @property
    def source(self) -> Source:
        """See `Policy.source`."""
        return self.policy.source

    @property
    def device(self) -> torch.device:
        """See `Policy.device`."""
        return self.policy.device

    def encode(self, observations: Any) -> Tensor:
        """See `Policy.encode`."""
        return self.policy.encode(observations)

    def head(self, name: str, x: Tensor, context: Context) -> Tensor:
        """See `Policy.head`."""
        return self.policy.head(name, x, context)

    def vjp(self, name: str, x: Tensor, context: Context) -> tuple[Tensor, VjpFn] | None:
        """See `SupportsVjp.vjp`; None if the view computes heads itself, because this is the vjp of the policy's."""
        return outputs_and_vjp(self.policy, name, x, context) if type(self).head is PolicyView.head else None

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
        """See `Policy.act`: the policy acts on the observations as they are."""
        return self.policy.act(observations, context, deterministic=deterministic, rngs=rngs)
