"""Where agents are trained: what they attend to, logged while they learn. Nothing is loaded before it is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rltools.integrations._checkpoints import open_checkpoints
    from rltools.integrations._sb3_callback import AttributionCallback, AttributionSkippedWarning

__all__ = ["AttributionCallback", "AttributionSkippedWarning", "open_checkpoints"]

_PLACES = {
    "AttributionCallback": "_sb3_callback",
    "AttributionSkippedWarning": "_sb3_callback",
    "open_checkpoints": "_checkpoints",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
