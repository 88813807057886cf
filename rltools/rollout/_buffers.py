"""Room for the steps of episodes that run side by side."""

from __future__ import annotations

import numpy as np
import torch

from rltools.policy import Policy
from rltools.rollout._observed import Observed


def beside_observations(policy: Policy, slots: int) -> dict[str, np.ndarray]:
    """What each of so many rows needs beside its observation, by the name of its column; nothing for most policies.

    `mask`: bool `[slot, action]`, all allowed. `state`: `[slot, state]` in the policy's dtype, zeros.
    """
    beside: dict[str, np.ndarray] = {}
    if policy.masked:
        beside["mask"] = np.ones((slots, len(policy.action_names)), bool)
    if policy.state_size:
        beside["state"] = np.zeros((slots, policy.state_size), _scores_dtype(policy))
    return beside


def step_buffers(
    policy: Policy, observed: Observed, beside: dict[str, np.ndarray], rows: tuple[int, int]
) -> dict[str, np.ndarray]:
    """A buffer `[round, slot, ...]` of zeros for each column of a step; `rows` are how many rounds and slots."""
    buffers = {
        **observed.buffers(*rows),
        "action": np.zeros((*rows, *(policy.action_space.shape or ())), policy.action_space.dtype),
        "score": np.zeros((*rows, len(policy.action_names)), _scores_dtype(policy)),
        "reward": np.zeros(rows),
    }
    for name, values in beside.items():
        buffers[name] = np.zeros((*rows, *values.shape[1:]), values.dtype)
    return buffers


def _scores_dtype(policy: Policy) -> np.dtype[np.floating]:
    dtype: np.dtype[np.floating] = torch.zeros(0, dtype=policy.dtype).numpy().dtype
    return dtype
