"""Networks compiled by torch, where somebody has time for that."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from rltools.errors import ArgumentError
from rltools.policy import Policy


@runtime_checkable
class Compilable(Protocol):
    """What a policy has besides whose heads can be compiled."""

    def compiled(self) -> Policy:
        """The same policy, compiled."""
        ...


def compiled(policy: Policy) -> Policy:
    """The policy with its heads compiled; see `torch.compile`.

    Raises:
        ArgumentError: it has no such thing.
    """
    if not isinstance(policy, Compilable):
        raise ArgumentError(f"{policy.source.name} cannot be compiled; leave compile=True out")
    return policy.compiled()
