"""What a live step takes and gives: the policy's own actions, and finite numbers."""

from __future__ import annotations

from math import isfinite
from typing import Any

import gymnasium
import numpy as np
from torch import Tensor

from rltools.environments import foreign_kind
from rltools.errors import ArgumentError, FaultError
from rltools.policy import Policy


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
