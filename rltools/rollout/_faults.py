"""What stops an episode before something false is recorded."""

from __future__ import annotations

from typing import Any

import numpy as np

from rltools.errors import SimulationError
from rltools.policy import Policy


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


def exact(observation: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """An observation in the policy's shape and dtype. Floats are rounded to it; anything else must fit exactly.

    Raises:
        SimulationError: another shape, no numbers, or a number that the dtype does not hold.
    """
    given = np.asarray(observation)
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
