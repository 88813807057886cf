"""Where the next actions are taken: the last observations, and what else the policy needs there."""

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

_NOTHING = Context()


class LastObservation:
    """One row for each environment."""

    def __init__(self, policy: Policy, rows: int) -> None:
        self._policy, self._rows = policy, rows
        self.leaves = recorded_leaves(policy.features)
        self._observations: Any = None
        self._masks = np.ones((rows, len(policy.action_names)), bool)
        self._state = torch.zeros(rows, policy.state_size, dtype=policy.dtype, device=policy.device)

    @property
    def begun(self) -> bool:
        """Whether there is an observation."""
        return self._observations is not None

    def forget(self) -> None:
        """Where a reset fails, no later action is explained by an earlier episode."""
        self._observations = None

    def begin(self, observations: Any, masks: np.ndarray | None, which: np.ndarray | None = None) -> None:
        """An episode has begun in these rows, or in all of them."""
        if which is None or self._observations is None:
            self._observations = map_leaves(lambda _, values: np.array(values), observations, self.leaves)
            which = np.ones(self._rows, bool)
        else:
            for leaf in self.leaves:
                pick(self._observations, leaf)[which] = np.asarray(pick(observations, leaf))[which]
        self._state[torch.from_numpy(which)] = 0
        if masks is not None:
            self._masks[which] = masks[which]

    def move(self, observations: Any, masks: np.ndarray | None, ended: np.ndarray) -> None:
        """A step has been taken; environments may return the same arrays every time."""
        self._observations = map_leaves(lambda _, values: np.array(values), observations, self.leaves)
        if self._policy.state_size:
            self._state[torch.from_numpy(ended)] = 0
        if masks is not None:
            self._masks[:] = masks

    def remember(self, state: Tensor | None, rows: np.ndarray) -> None:
        """What a recurrent policy remembers after acting in some rows."""
        if state is not None:
            self._state[torch.from_numpy(rows)] = state

    def taken_in(self, rows: np.ndarray) -> tuple[Any, Context]:
        """Observations and context of some rows.

        Raises:
            SimulationError: there are none yet.
        """
        if self._observations is None:
            raise SimulationError("there is no observation that an action could be taken in; call reset() first")
        context = _NOTHING
        if self._policy.masked or self._policy.state_size:
            context = Context(
                mask=torch.from_numpy(self._masks[rows]).to(self._policy.device) if self._policy.masked else None,
                state=self._state[torch.from_numpy(rows)] if self._policy.state_size else None,
            )
        if rows.all():
            return self._observations, context  # replaced by the next step, never written to
        return map_leaves(lambda _, values: values[rows], self._observations, self.leaves), context


def check_single(env: object) -> None:
    """Refuse what is no environment.

    Raises:
        ArgumentError: it is a vector of them, another library's, or something else.
    """
    if isinstance(env, gymnasium.vector.VectorEnv):
        raise ArgumentError(f"{env} is a vector of environments; give it to rltools.VectorAttributionWrapper")
    if not isinstance(env, gymnasium.Env):
        kind = foreign_kind(env) or f"{env!r}, and must be a gymnasium.Env; make it first"
        raise ArgumentError(f"the environment given is {kind}")


def check_several(envs: object) -> None:
    """Refuse what is no vector of environments.

    Raises:
        ArgumentError: it is a single one, another library's, or something else.
    """
    if isinstance(envs, gymnasium.Env):
        raise ArgumentError(f"{envs} is a single environment; give it to rltools.AttributionWrapper")
    if not isinstance(envs, gymnasium.vector.VectorEnv):
        kind = foreign_kind(envs) or f"{envs!r}, and must be a gymnasium.vector.VectorEnv"
        raise ArgumentError(f"the vector of environments given is {kind}")


def checked_actions(policy: Policy, actions: Any, rows: int) -> np.ndarray:
    """Actions from outside as `[row, *action]`.

    Raises:
        ArgumentError: another number of them than rows, or one that the policy does not have.
    """
    space, given = policy.action_space, np.asarray(actions)
    shape = (rows, *(space.shape or ()))
    if given.size != np.prod(shape):
        raise ArgumentError(f"{policy.source.name} takes actions of shape {list(shape)}, not {list(given.shape)}")
    given = given.reshape(shape)
    if policy.branches:
        low = np.broadcast_to(getattr(space, "start", 0), shape[1:])
        high = low + np.reshape(policy.branches, shape[1:]) - 1
        wrong = np.argwhere((given < low) | (given > high))
        if len(wrong):
            _, *place = wrong[0]
            raise ArgumentError(
                f"action {given[tuple(wrong[0])]} is none of {policy.source.name}'s, which are {low[tuple(place)]} to "
                f"{high[tuple(place)]}"
            )
    return given


def finite_or_nan(values: np.ndarray) -> np.ndarray:
    """`[row, target, *feature]`: a row's values of a target are all finite, or all NaN, as `explain` keeps them."""
    if isfinite(values.sum()):  # so are all its terms
        return values
    finite = np.isfinite(values)
    whole = finite.reshape(*values.shape[:2], -1).all(2)
    return np.where(whole.reshape(*whole.shape, *[1] * (values.ndim - 2)), values, values.dtype.type(np.nan))


def check_finite(policy: Policy, scores: Tensor) -> None:
    """Look at the scores `[row, k]` of the deciding head before an action is taken by them.

    Raises:
        FaultError: one is not finite.
    """
    given = scores.numpy(force=True)
    if isfinite(given.sum()):  # what is not is looked at one by one
        return
    wrong = np.argwhere(~np.isfinite(given))
    if len(wrong):
        row, at = wrong[0]
        raise FaultError(
            f"score '{policy.heads[0]}:{policy.action_names[at]}' of {policy.source.name} is {given[row, at]}, "
            f"and no action was taken; look at the last observation and at the network's parameters"
        )
