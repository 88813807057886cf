"""The objects in an image of cells, whose observation says by a code what is in each cell."""

from __future__ import annotations

import numpy as np

from rltools.spaces.layout import Layout, Objects
from rltools.spaces.parts import Part

OTHER = "other cells"
"""Cells with a code that has no name."""


def part_with_objects(features: Layout) -> tuple[Part, Objects] | None:
    """The image whose cells have objects, and their names; None if no card declares any."""
    pairs = zip(features.parts, features.part_objects, strict=True)
    return next(((part, objects) for part, objects in pairs if objects is not None), None)


def object_kinds(part: Part, objects: Objects, observed: np.ndarray) -> np.ndarray:
    """The kind of object in the cell of each element of an image.

    Args:
        part: the image.
        objects: what its codes mean.
        observed: `[step, element]`, its elements in row-major order.

    Returns:
        int64 `[step, element]`: positions in `objects.names`; their number for another code.

    Example:
        >>> from rltools.spaces import Features
        >>> part = Features((1, 2, 2), ("y", "x", "channel"), channels=(("type", "state"),)).parts[0]
        >>> object_kinds(part, Objects("type", ("empty", "wall")), np.array([[1, 5, 9, 0]])).tolist()
        [[1, 1, 2, 2]]
    """
    axis = part.dims.index("channel")
    cells = observed.reshape(len(observed), *part.shape)
    codes = np.rint(np.nan_to_num(cells.take([part.channels.index(objects.channel)], axis + 1), nan=-1)).astype(
        np.int64
    )
    kinds = np.where((codes >= 0) & (codes < len(objects.names)), codes, len(objects.names))
    return np.broadcast_to(kinds, cells.shape).reshape(len(observed), -1)
