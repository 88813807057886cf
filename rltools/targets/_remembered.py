"""What follows from a target and a policy's names and spaces alone, worked out once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from rltools.policy import Policy

T = TypeVar("T")
MOST = 64


def remembered(what: str, about: Hashable, policy: Policy, compute: Callable[[], T]) -> T:
    """What `compute` gives, which says the same again for the same policy, or another of the same heads and actions.

    Args:
        what: names what is computed.
        about: which target, and whatever else it depends on.
        policy: whose heads, actions and dtype it depends on, and nothing else of it.
        compute: called at the first time; what it raises is not remembered.
    """
    space = policy.action_space
    key = (what, about, policy.heads, policy.action_names, policy.branches, policy.masked, policy.dtype, id(space))
    entry = _REMEMBERED.get(key)
    if entry is None:
        if len(_REMEMBERED) >= MOST:
            _REMEMBERED.clear()
        entry = _REMEMBERED[key] = space, compute()
    found: T = entry[1]
    return found


_REMEMBERED: dict[Hashable, tuple[Any, Any]] = {}
"""With the space, so that its id is not another one's later."""
