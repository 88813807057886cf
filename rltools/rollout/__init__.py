"""Step environments with a policy, and keep the episodes."""

from rltools.rollout._record import OutsideSpaceWarning, record

__all__ = ["OutsideSpaceWarning", "record"]
