"""Checks of what an environment and a policy return, so that nothing false is recorded."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from rltools._util.text import cut, one_line
from rltools.errors import SimulationError

if TYPE_CHECKING:
    from rltools.policies.base import Policy


def observation_fault(policy: Policy, observations: Any, steps: int) -> str:
    """The fault in an observation, a batch of one, after `steps` steps; "" if all its elements are finite."""
    values = policy.features.encode(observations).reshape(-1)
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return ""
    index = int(np.flatnonzero(~np.isfinite(values))[0])
    return f"observation {policy.features.names[index]!r} is {values[index]} after {steps} steps"


def score_fault(policy: Policy, scores: np.ndarray, steps: int) -> str:
    """The fault in the scores `[k]` at step `steps`; "" if all are finite.

    The argmax of NaNs is the first one: an agent would silently act on it.
    """
    if np.isfinite(scores).all():
        return ""
    index = int(np.flatnonzero(~np.isfinite(scores))[0])
    score = f"{policy.heads[0]}:{policy.action_names[index]}"
    return f"score {score!r} is {scores[index]} at step {steps}; the action was not taken"


def checked_reset(result: Any) -> tuple[Any, dict[str, Any]]:
    """The result of an environment's reset: an observation and an info.

    Raises:
        SimulationError: it is something else, for instance the observation alone.
    """
    if type(result) is not tuple or len(result) != 2:
        actual = f"a tuple of {len(result)}" if type(result) is tuple else f"a {type(result).__name__}"
        raise SimulationError(f"reset returned {actual} instead of (observation, info); {OLD_INTERFACE}")
    if not isinstance(result[1], dict):
        raise SimulationError(f"reset returned an info of {type(result[1]).__name__}; it must be a dict, {{}} at least")
    return result


def checked_step(result: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
    """The result of an environment's step: five values.

    Raises:
        SimulationError: it is something else.
    """
    if type(result) is not tuple or len(result) != 5:
        actual = f"{len(result)} values" if isinstance(result, tuple | list) else f"a {type(result).__name__}"
        raise SimulationError(
            f"step returned {actual} instead of (observation, reward, terminated, truncated, info); {OLD_INTERFACE}"
        )
    return result


OLD_INTERFACE = (
    "if this is the interface of gym before 0.26, return what gymnasium.Env documents, or pass a function that makes "
    'it through shimmy: gymnasium.make("GymV21Environment-v0", env=env)'
)


def as_reward(reward: Any) -> float:
    """A reward as a float, also from an array or a tensor with one element.

    Raises:
        SimulationError: it is not a number, or several.
    """
    if isinstance(reward, Real | np.bool_):
        try:
            return float(reward)
        except OverflowError:
            raise SimulationError("the reward is a number too large for a float; scale the rewards") from None
    try:
        values = np.asarray(reward.detach().cpu() if hasattr(reward, "detach") else reward)
    except (TypeError, ValueError):
        values = np.empty(0, object)
    if values.size == 1 and values.dtype.kind in "biuf":
        return float(values.reshape(-1)[0])
    shape = f" of shape {list(values.shape)}" if values.ndim and values.dtype.kind in "biufc" else ""
    several = "; add a wrapper that combines several objectives into one number"
    next_step = several if shape and values.size > 1 else "; make the environment return a float"
    text = cut(one_line(repr(reward)), 80)
    raise SimulationError(f"the reward is {text}, a {type(reward).__name__}{shape}, and must be one number{next_step}")


def as_flag(value: Any, name: str) -> bool:
    """`terminated` or `truncated` as a bool, also from an array or a tensor with one element.

    Raises:
        SimulationError: it is neither true nor false, for instance one value for each of several agents.
    """
    if isinstance(value, bool | np.bool_):
        return bool(value)
    try:
        values = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    except (TypeError, ValueError):
        values = np.empty(0, object)
    if values.size == 1 and values.dtype.kind in "biuf" and values.reshape(-1)[0] in (0, 1):
        return bool(values.reshape(-1)[0])
    text = cut(one_line(repr(value)), 80)
    raise SimulationError(
        f"{name} is {text}, a {type(value).__name__}, and must be True or False; make the environment return a bool"
    )


def error_text(error: Exception) -> str:
    """The message of an error in an environment, with its type unless it is an rltools error."""
    if isinstance(error, SimulationError):
        return str(error)
    if isinstance(error, TypeError) and "unexpected keyword argument" in str(error) and "reset" in str(error):
        return f"{error}; {OLD_INTERFACE}"
    return f"{type(error).__name__}: {error}"


def as_array(observation: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """An observation in the policy's shape and dtype; floats are rounded, anything else must be represented exactly.

    Raises:
        SimulationError: it has another shape, no numbers, or a number that the dtype cannot represent.
    """
    if observation is None:
        raise SimulationError(f"the observation is None; the policy takes numbers of shape {shape}")
    try:
        original = np.asarray(observation)
    except ValueError as error:
        raise SimulationError(f"the observation is not an array of numbers of shape {shape}: {error}") from error
    if original.shape != shape:
        raise SimulationError(f"an observation of shape {original.shape}; the policy takes {shape}")
    if original.dtype.kind not in "biuf":
        raise SimulationError(f"an observation of {original.dtype}; the policy takes numbers")
    with np.errstate(over="ignore", invalid="ignore"):  # what does not fit is refused below, or becomes infinite
        converted = original.astype(dtype)
        lost = (converted != original) | (converted.astype(original.dtype) != original)
    if lost.any() and not original.dtype.kind == converted.dtype.kind == "f":
        raise SimulationError(
            f"an observation of {original.dtype} holds {original[lost][0]}, which the policy's {dtype} cannot hold; "
            f"make the policy with the observation space of this environment"
        )
    return converted
