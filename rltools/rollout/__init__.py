"""Recording episodes: stepping environments with a policy, and rendering their frames.

Read `loop.py` first; `running_episodes.py` is its bookkeeping and `_record.py` the public function around it.
`env_check.py` and `faults.py` refuse what would record something false; `render.py` adds frames. Imports recording,
envs, policies and what is above.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rltools.rollout._record import OutsideSpaceWarning as OutsideSpaceWarning
    from rltools.rollout._record import record as record

__all__ = ["OutsideSpaceWarning", "record"]


def __getattr__(name: str) -> Any:
    """Import `record` when it is used: it loads torch, and rendering frames does not."""
    if name in __all__:
        from rltools.rollout import _record

        return getattr(_record, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
