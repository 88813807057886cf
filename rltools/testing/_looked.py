"""What the checks of a policy look at, and how they complain."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box
from torch import Tensor

from rltools.environments import Environment
from rltools.observations import leaves, map_leaves
from rltools.policy import Context, Policy
from rltools.testing._observations import some_observations

ROWS = 6


@dataclass(frozen=True)
class Looked:
    """A policy with observations to try it on.

    Attributes:
        policy: what is checked.
        observations: each array `[ROWS, ...]`.
        x: their encoding `[ROWS, *feature]`.
        context: of a moment in the middle: a state and a mask where the policy has any, a continuous action.
    """

    policy: Policy
    observations: Any
    x: Tensor
    context: Context

    def without_action(self) -> Context:
        """What is known before the policy acts."""
        return replace(self.context, action=None)

    def changed(self, change: Any) -> Any:
        """The observations with each array changed."""
        return map_leaves(lambda _, value: change(value), self.observations, leaves(self.policy.observation_space))


def look(policy: Policy, env: Environment | None, rng: np.random.Generator) -> Looked:
    """Observations for a policy, and a context with everything it can need."""
    observations = some_observations(policy, env, ROWS, rng)

    def numbers(values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).to(policy.device, policy.dtype)

    action = state = mask = None
    if isinstance(policy.action_space, Box):
        low, high = policy.action_space.low.reshape(-1), policy.action_space.high.reshape(-1)
        action = numbers(np.clip(rng.standard_normal((ROWS, len(low))), low, high))
    if policy.state_size:
        state = numbers(rng.standard_normal((ROWS, policy.state_size)))
    if policy.masked:
        allowed = rng.random((ROWS, sum(policy.branches))) < 0.5
        for branch in branch_slices(policy):  # one of each choice must be left
            allowed[np.arange(ROWS), rng.integers(branch.start, branch.stop, ROWS)] = True
        mask = torch.from_numpy(allowed).to(policy.device)
    return Looked(policy, observations, policy.encode(observations), Context(action=action, mask=mask, state=state))


def branch_slices(policy: Policy) -> list[slice]:
    """Where the scores of each choice are."""
    ends = np.cumsum(policy.branches)
    return [slice(int(end) - size, int(end)) for size, end in zip(policy.branches, ends, strict=True)]


def close(what: str, found: Tensor, expected: Tensor, policy: Policy) -> None:
    """Two tensors are the same but for the order of sums, which depends on the size of a batch.

    Raises:
        AssertionError: they are not.
    """
    tolerance = 1e-4 if policy.dtype == torch.float32 else 1e-9
    difference = float((found.cpu() - expected.cpu()).abs().max())
    scale = 1 + float(expected.abs().max())
    hold(difference <= tolerance * scale, f"{what} differ by {difference:.3g}; they must be the same")


def hold(condition: bool, message: str) -> None:
    """What must be so.

    Raises:
        AssertionError: it is not; with the message.
    """
    if not condition:
        raise AssertionError(message)
