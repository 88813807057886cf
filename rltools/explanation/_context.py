"""What a recorded step holds beside its observation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from rltools.errors import MismatchError
from rltools.policy import Context, Policy, positions
from rltools.recording import Recording, observation_column, recorded_leaves
from rltools.recording._columns import column_names


def needed_columns(recording: Recording, policy: Policy) -> tuple[str, ...]:
    """The columns of an episode's file that explaining needs.

    Raises:
        MismatchError: the observations were recorded otherwise, or what the policy remembers or may do was not.
    """
    needed = [observation_column(leaf) for leaf in recorded_leaves(policy.features)]
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
    )
