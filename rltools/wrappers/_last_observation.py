"""Keeps the observation in which each environment's next action is taken, and checks environments and actions."""

from __future__ import annotations

from math import isfinite
from typing import Any

import gymnasium
import numpy as np
import torch
from torch import Tensor

from rltools.envs import foreign_kind
from rltools.errors import ArgumentError, FaultError, SimulationError
from rltools.policies.base import Context, Policy
from rltools.recording import recorded_leaves
from rltools.spaces.leaves import map_leaves, pick

_EMPTY = Context()


class LastObservation:
    """The last observation of each environment, with its action mask and recurrent state; one row for each.

    Args:
        policy: the policy that observations, masks and states are for.
        rows: how many environments there are.

    Attributes:
        leaves: the arrays of an observation that the policy sees.
    """

    def __init__(self, policy: Policy, rows: int) -> None:
        self._policy, self._rows = policy, rows
        self.leaves = recorded_leaves(policy.features)
        self._observations: Any = None
        self._masks = np.ones((rows, len(policy.action_names)), bool)
        self._state = torch.zeros(rows, policy.state_size, dtype=policy.dtype, device=policy.device)

    @property
    def is_set(self) -> bool:
        """Whether the environments have been reset."""
        return self._observations is not None

    def clear(self) -> None:
        """Drop the observations before a reset, so that a reset that fails leaves none of an earlier episode behind."""
        self._observations = None

    def begin(self, observations: Any, masks: np.ndarray | None, rows: np.ndarray | None = None) -> None:
        """Start an episode in the rows where `rows [row]` is True; None is all of them."""
        if rows is None or self._observations is None:
            self._observations = map_leaves(lambda _, values: np.array(values), observations, self.leaves)
            rows = np.ones(self._rows, bool)
        else:
            for leaf in self.leaves:
                pick(self._observations, leaf)[rows] = np.asarray(pick(observations, leaf))[rows]
        self._state[torch.from_numpy(rows)] = 0
        if masks is not None:
            self._masks[rows] = masks[rows]

    def update(self, observations: Any, masks: np.ndarray | None, ended: np.ndarray) -> None:
        """Store the observations after a step, copied: environments may return the same arrays every time."""
        self._observations = map_leaves(lambda _, values: np.array(values), observations, self.leaves)
        if self._policy.state_size:
            self._state[torch.from_numpy(ended)] = 0
        if masks is not None:
            self._masks[:] = masks

    def set_state(self, state: Tensor | None, rows: np.ndarray) -> None:
        """Store a recurrent policy's state after acting in some rows."""
        if state is not None:
            self._state[torch.from_numpy(rows)] = state

    def inputs(self, rows: np.ndarray) -> tuple[Any, Context]:
        """Observations and context of some rows, in which an action is about to be taken.

        Raises:
            SimulationError: there was no reset yet.
        """
        if self._observations is None:
            raise SimulationError("there is no observation to act in; call reset() first")
        context = _EMPTY
        if self._policy.masked or self._policy.state_size:
            context = Context(
                mask=torch.from_numpy(self._masks[rows]).to(self._policy.device) if self._policy.masked else None,
                state=self._state[torch.from_numpy(rows)] if self._policy.state_size else None,
            )
        if rows.all():
            return self._observations, context  # replaced by the next step, never written to
        return map_leaves(lambda _, values: values[rows], self._observations, self.leaves), context


def check_single(env: object) -> None:
    """Refuse anything but a single environment.

    Raises:
        ArgumentError: it is a vector environment, another library's, or something else.
    """
    if isinstance(env, gymnasium.vector.VectorEnv):
        raise ArgumentError(f"{env} is a vector environment; pass it to rltools.VectorAttributionWrapper")
    if not isinstance(env, gymnasium.Env):
        kind = foreign_kind(env) or f"{env!r}, and must be a gymnasium.Env; make it first"
        raise ArgumentError(f"the environment is {kind}")


def check_several(envs: object) -> None:
    """Refuse anything but a vector environment.

    Raises:
        ArgumentError: it is a single environment, another library's, or something else.
    """
    if isinstance(envs, gymnasium.Env):
        raise ArgumentError(f"{envs} is a single environment; pass it to rltools.AttributionWrapper")
    if not isinstance(envs, gymnasium.vector.VectorEnv):
        kind = foreign_kind(envs) or f"{envs!r}, and must be a gymnasium.vector.VectorEnv"
        raise ArgumentError(f"the vector environment is {kind}")


def checked_actions(policy: Policy, actions: Any, rows: int) -> np.ndarray:
    """Actions that something else chose, as `[row, *action]`.

    Raises:
        ArgumentError: not as many as rows, or one that the policy does not have.
    """
    space, array = policy.action_space, np.asarray(actions)
    shape = (rows, *(space.shape or ()))
    if array.size != np.prod(shape):
        raise ArgumentError(f"{policy.source.name} takes actions of shape {list(shape)}, not {list(array.shape)}")
    array = array.reshape(shape)
    if policy.branches:
        low = np.broadcast_to(getattr(space, "start", 0), shape[1:])
        high = low + np.reshape(policy.branches, shape[1:]) - 1
        wrong = np.argwhere((array < low) | (array > high))
        if len(wrong):
            _, *index = wrong[0]
            raise ArgumentError(
                f"action {array[tuple(wrong[0])]} is none of {policy.source.name}'s, which are {low[tuple(index)]} to "
                f"{high[tuple(index)]}"
            )
    return array


def check_finite(policy: Policy, scores: Tensor) -> None:
    """Refuse scores `[row, k]` of the deciding head that are not finite, before an action is taken by them.

    Raises:
        FaultError: one of them is not finite.
    """
    array = scores.numpy(force=True)
    if isfinite(array.sum()):  # then all of its terms are
        return
    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):
        row, position = wrong[0]
        raise FaultError(
            f"score '{policy.heads[0]}:{policy.action_names[position]}' of {policy.source.name} is "
            f"{array[row, position]}, and no action was taken; look at the last observation and at the "
            f"network's parameters"
        )
