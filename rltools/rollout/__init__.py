"""Step environments with a policy, and keep the episodes."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rltools.rollout._record import OutsideSpaceWarning as OutsideSpaceWarning
    from rltools.rollout._record import record as record

__all__ = ["OutsideSpaceWarning", "record"]


def __getattr__(name: str) -> Any:
    """Recording loads torch; drawing frames does not."""
    if name in __all__:
        from rltools.rollout import _record

        return getattr(_record, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
