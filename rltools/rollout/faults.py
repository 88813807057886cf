"""What stops an episode before something false is recorded."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from rltools.errors import SimulationError

if TYPE_CHECKING:
    from rltools.policies.base import Policy


def observation_fault(policy: Policy, observations: Any, steps: int) -> str:
    """What is wrong with an observation, a batch of one, that came after `steps` steps; "" where nothing is."""
    values = policy.features.encode(observations).reshape(-1)
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return ""
    at = int(np.flatnonzero(~np.isfinite(values))[0])
    return f"observation {policy.features.names[at]!r} is {values[at]} after {steps} steps"


def score_fault(policy: Policy, scores: np.ndarray, steps: int) -> str:
    """What is wrong with the scores `[k]` at step `steps`; "" where nothing is.

    The largest of NaNs is the first: an agent would act on it, silently.
    """
    if np.isfinite(scores).all():
        return ""
    at = int(np.flatnonzero(~np.isfinite(scores))[0])
    score = f"{policy.heads[0]}:{policy.action_names[at]}"
    return f"score {score!r} is {scores[at]} at step {steps}; the action was not taken"


def opened(given: Any) -> tuple[Any, dict[str, Any]]:
    """What an environment's reset returned: an observation and an info.

    Raises:
        SimulationError: it returned something else, for instance the observation alone.
    """
    if type(given) is not tuple or len(given) != 2:
        what = f"a tuple of {len(given)}" if type(given) is tuple else f"a {type(given).__name__}"
        raise SimulationError(f"reset returned {what} where (observation, info) belongs; {OLD_INTERFACE}")
    if not isinstance(given[1], dict):
        raise SimulationError(f"reset returned an info of {type(given[1]).__name__}; it must be a dict, {{}} at least")
    return given


def stepped(given: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
    """What an environment's step returned: five values.

    Raises:
        SimulationError: it returned something else.
    """
    if type(given) is not tuple or len(given) != 5:
        what = f"{len(given)} values" if isinstance(given, tuple | list) else f"a {type(given).__name__}"
        raise SimulationError(
            f"step returned {what} where (observation, reward, terminated, truncated, info) belong; {OLD_INTERFACE}"
        )
    return given


OLD_INTERFACE = (
    "if this is the interface of gym before 0.26, return what gymnasium.Env documents, or give a function that makes "
    'it through shimmy: gymnasium.make("GymV21Environment-v0", env=env)'
)


def as_reward(reward: Any) -> float:
    """A reward as a number; of an array or a tensor with one entry that entry.

    Raises:
        SimulationError: no number, or several.
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
    several = "; give a wrapper that makes one number of several objectives"
    next_step = several if shape and values.size > 1 else "; make the environment return a float"
    text = " ".join(repr(reward).split())
    text = text if len(text) <= 80 else f"{text[:77]}..."
    raise SimulationError(f"the reward is {text}, a {type(reward).__name__}{shape}, and must be one number{next_step}")


def as_flag(given: Any, what: str) -> bool:
    """Whether an episode was terminated, or truncated; of an array or a tensor with one entry that entry.

    Raises:
        SimulationError: something that is neither true nor false, for instance one value for each of several agents.
    """
    if isinstance(given, bool | np.bool_):
        return bool(given)
    try:
        values = np.asarray(given.detach().cpu() if hasattr(given, "detach") else given)
    except (TypeError, ValueError):
        values = np.empty(0, object)
    if values.size == 1 and values.dtype.kind in "biuf" and values.reshape(-1)[0] in (0, 1):
        return bool(values.reshape(-1)[0])
    text = " ".join(repr(given).split())
    raise SimulationError(
        f"{what} is {text[:80]}, a {type(given).__name__}, and must be True or False; make the environment "
        f"return a bool"
    )


def told(error: Exception) -> str:
    """What went wrong in an environment: our own words as they are, others' with their type."""
    if isinstance(error, SimulationError):
        return str(error)
    if isinstance(error, TypeError) and "unexpected keyword argument" in str(error) and "reset" in str(error):
        return f"{error}; {OLD_INTERFACE}"
    return f"{type(error).__name__}: {error}"


def exact(observation: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """An observation in the policy's shape and dtype. Floats are rounded to it; anything else must fit exactly.

    Raises:
        SimulationError: another shape, no numbers, or a number that the dtype does not hold.
    """
    if observation is None:
        raise SimulationError(f"the observation is None; the policy takes numbers of shape {shape}")
    try:
        given = np.asarray(observation)
    except ValueError as error:
        raise SimulationError(f"the observation is no array of numbers of shape {shape}: {error}") from error
    if given.shape != shape:
        raise SimulationError(f"an observation of shape {given.shape}; the policy takes {shape}")
    if given.dtype.kind not in "biuf":
        raise SimulationError(f"an observation of {given.dtype}; the policy takes numbers")
    with np.errstate(over="ignore", invalid="ignore"):  # what does not fit is found below, or is infinite
        kept = given.astype(dtype)
        lost = (kept != given) | (kept.astype(given.dtype) != given)
    if lost.any() and not given.dtype.kind == kept.dtype.kind == "f":
        raise SimulationError(
            f"an observation of {given.dtype} holds {given[lost][0]}, which the policy's {dtype} cannot keep; make the "
            f"policy with the observation space of this environment"
        )
    return kept
