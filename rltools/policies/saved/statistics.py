"""Statistics of observations that the caller gives beside a file: Gymnasium's NormalizeObservation and the like."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rltools.errors import ArgumentError, MismatchError, ModelError, argument
from rltools.policies._normalization import Normalization
from rltools.policies.saved.formats.npz import read_arrays
from rltools.policies.untrusted.zips import read_file
from rltools.spaces import Features

EPSILON = 1e-8
"""What Gymnasium's NormalizeObservation adds to the variance."""
_ADVICE = (
    "give a file of arrays `mean` and `var` (numpy.savez), a mapping of them, a NormalizeObservation or the path of a "
    "vecnormalize.pkl"
)


def statistics_of(normalize: Any, features: Features) -> Normalization:
    """The normalization by statistics that a caller gives.

    Args:
        normalize: the path of an .npz or of a vecnormalize.pkl, or a live VecNormalize; a mapping with `mean`, `var`
            and optionally `epsilon` and `clip`; or an object with an `obs_rms` of `mean` and `var`, as
            NormalizeObservation is.
        features: of an observation.

    Raises:
        ArgumentError: something else.
        ModelError: a file that cannot be read.
        MismatchError: statistics of another shape.

    Example:
        >>> from gymnasium.spaces import Box
        >>> from rltools.spaces import space_features
        >>> statistics_of({"mean": [0.0, 1.0], "var": [4.0, 9.0]}, space_features(Box(-1, 1, (2,)))).std
        tensor([2.0000, 3.0000], dtype=torch.float64)
    """
    if isinstance(normalize, (str, Path)):
        path = Path(normalize)
        if path.suffix.lower() != ".npz":
            return _of_vec_normalize(path, features)
        arrays: Mapping[str, Any] = read_arrays(read_file(path), str(path))
    elif isinstance(normalize, Mapping):
        arrays = normalize
    elif hasattr(normalize, "venv"):
        return _of_vec_normalize(normalize, features)
    elif (running := getattr(normalize, "obs_rms", normalize)) is not None and hasattr(running, "mean"):
        arrays = {"mean": running.mean, "var": running.var, "epsilon": getattr(normalize, "epsilon", EPSILON)}
    else:
        raise ArgumentError(f"normalize is a {type(normalize).__name__}; {_ADVICE}")
    missing = {"mean", "var"} - set(arrays)
    if missing:
        raise ModelError(
            f"the statistics have {', '.join(sorted(map(str, arrays)))} and no {sorted(missing)[0]}; {_ADVICE}"
        )
    epsilon, clip = (float(arrays.get(key, default)) for key, default in (("epsilon", EPSILON), ("clip", np.inf)))
    std = np.sqrt(np.asarray(arrays["var"], dtype=np.float64) + epsilon)
    return normalization(features.shape, torch.tensor(np.asarray(arrays["mean"], np.float64)), torch.tensor(std), clip)


def normalization(shape: tuple[int, ...], mean: Tensor, std: Tensor, limit: float = float("inf")) -> Normalization:
    """`clip((x - mean) / std, -limit, limit)` for observations of a shape, in double precision.

    Args:
        shape: of an encoded observation, `features.shape`.
        mean: as many numbers, in any shape.
        std: as many numbers, with whatever the library adds to each.
        limit: the largest normalized magnitude.

    Raises:
        MismatchError: not as many numbers.
        ModelError: numbers that are not finite, or a std that is not positive.
    """
    count = int(np.prod(shape))
    mean, std = mean.detach().double().reshape(-1), std.detach().double().reshape(-1)
    if mean.numel() != count or std.numel() != count:
        raise MismatchError(
            f"the statistics of observations have {mean.numel()} means and {std.numel()} deviations, and an "
            f"observation has {count} elements; give those of this environment as {argument('normalize')}"
        )
    if not bool(torch.isfinite(mean).all() and torch.isfinite(std).all() and (std > 0).all()):
        raise ModelError("the statistics of observations are not finite, or a std is not positive; give others")
    return Normalization(mean.reshape(shape), std.reshape(shape), torch.full(shape, limit, dtype=torch.float64))


def _of_vec_normalize(source: Any, features: Features) -> Normalization:
    from rltools.policies.sb3._normalize import given_statistics

    statistics = given_statistics(source)
    if statistics is None:
        raise ModelError(f"{source} normalizes rewards only; leave {argument('normalize')} out")
    return statistics.normalization(features)
