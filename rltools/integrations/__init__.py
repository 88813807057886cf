"""Connects rltools to training libraries: what agents attend to, logged while they learn.

`_sb3_callback.py` is the callback of Stable-Baselines3 and the file to read first. Modules are imported on first use,
because they need Stable-Baselines3. May import every room above.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rltools.integrations._checkpoints import open_checkpoints
    from rltools.integrations._sb3_callback import AttributionCallback, AttributionSkippedWarning

__all__ = ["AttributionCallback", "AttributionSkippedWarning", "open_checkpoints"]

_MODULES = {
    "AttributionCallback": "_sb3_callback",
    "AttributionSkippedWarning": "_sb3_callback",
    "open_checkpoints": "_checkpoints",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
