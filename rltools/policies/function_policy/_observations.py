"""Encoded observations as the environment gives them: the inverse of encoding."""

from __future__ import annotations

from typing import Any

import numpy as np

from rltools.errors import ArgumentError
from rltools.spaces import Features
from rltools.spaces.leaves import Leaf, nest
from rltools.spaces.parts import Part


def decoded(x: np.ndarray, features: Features, single: Leaf, name: str) -> Any:
    """Encoded rows as observations: the same structure, shapes and dtypes, without texts.

    Args:
        x: float64 `[batch, *feature]`.
        features: of an observation.
        single: the array of an observation that is one array of numbers, whose dtype `features` do not have.
        name: of the policy, for errors.

    Returns:
        `[batch, *observation]`; for a Dict or Tuple a structure of such arrays. Numbers of an integer space are rounded
        to the nearest, because methods may take means of them.

    Raises:
        ArgumentError: a choice that is none of its values, because a method hid or mixed these.
    """
    if not features.leaves:
        return _numbers(x, single)
    flat = x.reshape(len(x), features.size)
    return nest([(part.leaf, _of_part(flat, part, name)) for part in features.parts])


def _of_part(flat: np.ndarray, part: Part, name: str) -> np.ndarray:
    leaf, values = part.leaf, flat[:, part.start : part.stop]
    return _chosen(values, leaf, name) if leaf.kind == "choice" else _numbers(values.reshape(-1, *leaf.shape), leaf)


def _numbers(values: np.ndarray, leaf: Leaf) -> np.ndarray:
    dtype = np.dtype(leaf.dtype)
    if dtype.kind not in "iu":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    numbers: np.ndarray = np.clip(np.rint(values), limits.min, limits.max).astype(dtype)
    return numbers


def _chosen(one_hot: np.ndarray, leaf: Leaf, name: str) -> np.ndarray:
    """One-hot choices `[batch, sum of sizes]` -> their values `[batch, *shape]`."""
    start, columns = 0, []
    for size, lowest in zip(leaf.sizes, leaf.starts, strict=True):
        block = one_hot[:, start : start + size]
        whole = ((block == 0) | (block == 1)).all(1) & (block.sum(1) == 1)
        if not whole.all():
            row = block[~whole][0]
            raise ArgumentError(
                f"{name} is a function of {leaf.name or 'an observation'} that is one of {size} values, and a method "
                f"put {int((row != 0).sum())} of them in its place; take a method and a replacement that put another "
                f"whole value there, such as shapley or decision_change with groups='variables'"
            )
        columns.append(block.argmax(1) + lowest)
        start += size
    return np.stack(columns, 1).reshape(-1, *leaf.shape).astype(leaf.dtype)
