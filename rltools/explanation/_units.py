"""In whose units: those of the environment, or those of a network whose observations are normalised."""

from __future__ import annotations

from math import prod
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from torch import Tensor

from rltools.errors import ArgumentError
from rltools.explanation._windows import Window
from rltools.policy import Policy

Units = Literal["environment", "network"]


@runtime_checkable
class Normalizing(Protocol):
    """What a policy has besides that may normalise its observations."""

    def in_network_units(self) -> Policy:
        """The same policy with normalised observations as its features."""
        ...

    def clipped(self, x: Tensor) -> Tensor | None:
        """`x [batch, *feature]` -> bool of that shape, the entries that only their limit is left of; None for none."""
        ...


def in_units(policy: Policy, units: Units) -> Policy:
    """The policy with its features in these units.

    Raises:
        ArgumentError: no such units, or the network takes observations as they are.
    """
    if units == "environment":
        return policy
    if units != "network":
        raise ArgumentError(f"units are 'environment' or 'network', not {units!r}")
    if not isinstance(policy, Normalizing):
        raise ArgumentError(
            f"{policy.source.name} takes observations in the environment's units; leave units='network' out"
        )
    return policy.in_network_units()


def explained_unit(unit: str, units: str) -> str:
    """The unit of a method's values where features are in these units."""
    return "score per deviation" if units == "network" and unit == "score per unit" else unit


def clipped_entries(policy: Policy, x: Tensor) -> dict[str, np.ndarray]:
    """The column that says how many entries of each row's observation are clipped; none where none can be."""
    if isinstance(policy, Window):
        policy, x = policy.policy, x[:, -1]
    found = policy.clipped(x) if isinstance(policy, Normalizing) else None
    if found is None:
        return {}
    entries = found.reshape(len(found), prod(found.shape[1:]))
    return {"clipped": entries.sum(1).numpy(force=True).astype(np.float32)}
