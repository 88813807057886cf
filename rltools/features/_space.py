"""The features of a space that nothing names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rltools.features._features import Features
from rltools.observations import leaves

if TYPE_CHECKING:
    from gymnasium import Space


def space_features(space: Space[Any]) -> Features:
    """The features of a space, numbered.

    Raises:
        ArgumentError: a space that is not supported.

    >>> from gymnasium.spaces import Box, Dict, Discrete
    >>> space_features(Dict(camera=Box(0, 255, (1, 2)), cell=Discrete(3))).names
    ('camera/0/0', 'camera/0/1', 'cell=0', 'cell=1', 'cell=2')
    """
    found = leaves(space)
    if len(found) == 1 and not found[0].path:
        (leaf,) = found
        shape = leaf.encoded_shape
        return Features(shape, leaf.plain_axes, leaves=() if leaf.kind == "number" else found)
    dims = tuple(leaf.plain_axes if leaf.kind != "text" else () for leaf in found)
    return Features((sum(leaf.size for leaf in found),), ("feature",), leaves=found, leaf_dims=dims)
