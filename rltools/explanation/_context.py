"""What a recorded step holds beside its observation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from rltools.errors import MismatchError
from rltools.explanation._windows import Window
from rltools.policy import Context, Policy, positions
from rltools.recording import Recording, nested_observations, observation_column, recorded_leaves
from rltools.recording._columns import column_names


def needed_columns(recording: Recording, policy: Policy) -> tuple[str, ...]:
    """The columns of an episode's file that explaining needs.

    Raises:
        MismatchError: the observations were recorded otherwise, or what the policy remembers or may do was not.
    """
    features = policy.policy.features if isinstance(policy, Window) else policy.features
    needed = [observation_column(leaf) for leaf in recorded_leaves(features)]
    needed += ["action", "score"]
    needed += ["mask"] if policy.masked else []
    needed += ["state"] if policy.state_size else []
    numbers = recording.numbers
    there = column_names(recording.episode_path(numbers[0])) if numbers else tuple(needed)
    missing = [name for name in needed if name not in there]
    if missing:
        raise MismatchError(
            f"{policy.source.name} needs {', '.join(missing)} of each step, and {recording.directory} has "
            f"{', '.join(there)}; it was recorded with another policy"
        )
    return tuple(needed)


def recorded_context(policy: Policy, columns: Mapping[str, np.ndarray]) -> Context:
    """The context of recorded rows."""

    def numbers(name: str) -> torch.Tensor:
        return torch.tensor(columns[name], dtype=policy.dtype, device=policy.device)

    return Context(
        action=positions(policy, columns["action"]),
        scores=numbers("score"),
        mask=torch.tensor(columns["mask"], device=policy.device) if policy.masked else None,
        state=numbers("state") if policy.state_size else None,
        before=torch.tensor(columns["before"], device=policy.device) if "before" in columns else None,
    )


def recorded_inputs(policy: Policy, columns: Mapping[str, np.ndarray]) -> torch.Tensor:
    """Encoded observations `[row, *feature]` of recorded rows; of windows, `[row, lag, *feature]`."""
    if not isinstance(policy, Window):
        return policy.encode(nested_observations(columns, policy.features))
    inner, rows = policy.policy, len(columns["score"])
    leaves = recorded_leaves(inner.features)
    flat = {
        name: columns[name].reshape(rows * policy.lags, *columns[name].shape[2:])
        for name in map(observation_column, leaves)
    }
    x = inner.encode(nested_observations(flat, inner.features))
    return x.reshape(rows, policy.lags, *x.shape[1:])
