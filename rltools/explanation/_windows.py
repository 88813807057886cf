"""What a recurrent policy was made to do by each of its last observations, through what it remembers.

The window of observations is the input, `x [batch, lag, *feature]`, the last one now; what the policy remembered before
the window is held. The other kind of attribution, of the observation of the moment with all that is remembered held, is
what `explain` does without a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rltools.errors import ArgumentError
from rltools.policy import Acted, Context, Policy, Source, advanced


class Window:
    """A recurrent policy as one of the last so many observations; see `rltools.policy.Policy`.

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
            after = advanced(self.policy, x[:, lag].clone(), replace(context, state=state, before=None))
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
    ) -> Acted:
        """See `Policy.act`; the policy acts, whatever the window."""
        return self.policy.act(observations, context, deterministic=deterministic, rngs=rngs)
