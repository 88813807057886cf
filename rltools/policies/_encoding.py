"""Encodes observations as the arrays that attributions are taken with respect to."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from rltools.errors import ArgumentError, MismatchError
from rltools.spaces import Features
from rltools.spaces.leaves import pick

_NUMPY: dict[torch.dtype, np.dtype[np.floating[Any]]] = {
    torch.float32: np.dtype(np.float32),
    torch.float64: np.dtype(np.float64),
}


def check_dtype(dtype: torch.dtype) -> None:
    """Refuse dtypes that policies cannot compute in.

    Raises:
        ArgumentError: neither float32 nor float64.
    """
    if dtype not in _NUMPY:
        raise ArgumentError(f"policies compute in torch.float32 or torch.float64, not {dtype}")


def encode(observations: Any, features: Features, dtype: torch.dtype, name: str) -> np.ndarray:
    """Observations `[batch, ...]` as the environment gives them -> float `[batch, *feature]`, a copy.

    Raises:
        MismatchError: another shape, or a key that is missing.
        ArgumentError: not numbers, integers that `dtype` cannot hold, or a choice outside its values.
    """
    if not features.leaves:
        return encode_box(observations, features.shape, dtype, name)
    parts = []
    for part in features.parts:
        values = pick(observations, part.leaf)
        if part.leaf.kind == "choice":
            check_shape(np.asarray(values), part.leaf.shape, name, part.leaf.name)
            parts.append(part.leaf.encode(np.asarray(values)).astype(_NUMPY[dtype]))
        else:
            numbers = encode_box(values, part.leaf.shape, dtype, name, part.leaf.name)
            parts.append(numbers.reshape(len(numbers), part.leaf.size))
    if not features.is_nested:
        return parts[0].reshape(len(parts[0]), *features.shape)
    return np.concatenate(parts, axis=1)


def check_shape(values: np.ndarray, shape: tuple[int, ...], name: str, leaf: str) -> None:
    """Compare the shape of a batch with that of a single observation.

    Raises:
        MismatchError: they differ.
    """
    if values.shape[1:] != shape or not values.ndim:
        part = f"{leaf} " if leaf else "observations "
        raise MismatchError(
            f"{name} takes {part}of shape [{', '.join(map(str, ('batch', *shape)))}], not {list(values.shape)}"
        )


def encode_box(values: Any, shape: tuple[int, ...], dtype: torch.dtype, name: str, leaf: str = "") -> np.ndarray:
    """`[batch, *shape]` of any number type -> a float array of that shape, a copy; floats are cast.

    Raises:
        MismatchError: another shape.
        ArgumentError: not numbers, or integers that `dtype` cannot hold.
    """
    observations: np.ndarray = np.asarray(values)
    if observations.dtype.kind == "f" and observations.shape[1:] == shape and observations.ndim:
        return observations.astype(_NUMPY[dtype])  # the common case, at every step; also a copy
    check_shape(observations, shape, name, leaf)
    if observations.dtype.kind not in "biuf":
        raise ArgumentError(f"{name} takes {leaf or 'observations'} of numbers, not of {observations.dtype}")
    encoded: np.ndarray = observations.astype(_NUMPY[dtype])
    if observations.dtype.kind in "iu" and observations.dtype.itemsize > 2:
        _check_exact(observations, encoded, name)
    return encoded


def _check_exact(observations: np.ndarray, encoded: np.ndarray, name: str) -> None:
    # Compared as Python integers: a float array cast back to integers may overflow silently.
    limit = 2 ** (np.finfo(encoded.dtype).nmant + 1)
    large = observations[(observations > limit) | (observations < -limit)]
    lost = [int(value) for value in large.ravel() if int(encoded.dtype.type(value)) != int(value)]
    if lost:
        raise ArgumentError(
            f"{name} computes in {encoded.dtype}, which cannot hold the integer {lost[0]} of an observation of "
            f"{observations.dtype}; load the policy with dtype=torch.float64, or scale the observation"
        )
