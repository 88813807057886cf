"""Pictures that a wrapper makes, whatever was observed inside it."""

from __future__ import annotations

from gymnasium import Space

from rltools.naming._named import Named
from rltools.observations import Leaf, Path

COLOURS = ("red", "green", "blue")
GREY = ("grey",)


def picture(path: Path, space: Space[object]) -> Named:
    """A picture `[y, x]` or `[y, x, channel]`, in grey or in colour."""
    shape = tuple(space.shape or ())
    leaf = Leaf(path, "number", shape, "uint8")
    if len(shape) == 2:
        return Named(leaf, dims=("y", "x"))
    return Named(leaf, dims=("y", "x", "channel"), channels=GREY if shape[-1:] == (1,) else COLOURS)
