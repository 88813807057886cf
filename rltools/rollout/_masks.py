"""Which actions an environment allows."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from rltools.errors import SimulationError


def allowed_actions(env: gymnasium.Env[Any, Any], info: dict[str, Any], count: int) -> np.ndarray:
    """Bool `[count]`: from the environment's method `action_masks`, as sb3-contrib asks it, else `info["action_mask"]`.

    Raises:
        SimulationError: neither is there, another number of entries, or nothing is allowed.
    """
    if env.has_wrapper_attr("action_masks"):
        said = env.get_wrapper_attr("action_masks")()
    elif "action_mask" in info:
        said = info["action_mask"]
    else:
        raise SimulationError(
            "the policy chooses among those actions only that are allowed, and the environment does not say which: it "
            "needs a method action_masks(), or an info['action_mask']"
        )
    mask = np.asarray(said, dtype=bool).reshape(-1)
    if len(mask) != count:
        raise SimulationError(
            f"the environment says of {len(mask)} actions whether they are allowed; there are {count}"
        )
    if not mask.any():
        raise SimulationError("the environment allows no action at all")
    return mask
