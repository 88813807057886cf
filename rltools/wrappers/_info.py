"""What the wrappers add to a step's info."""

from __future__ import annotations

from typing import Any

from rltools.errors import SimulationError


def extended(info: dict[str, Any], entries: dict[str, Any]) -> dict[str, Any]:
    """A new dict with both: the environment's own may be the same object every step.

    Raises:
        SimulationError: the info has an entry of the same name already.
    """
    taken = sorted(entries.keys() & info.keys())
    if taken:
        raise SimulationError(
            f"the environment's info already has {', '.join(map(repr, taken))}, which would be lost; rename it in a "
            f"wrapper beneath, and use one attribution wrapper at a time"
        )
    return {**info, **entries}
