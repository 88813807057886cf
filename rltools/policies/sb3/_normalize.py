"""VecNormalize statistics: read without running anything, found beside a model, and missed where they are missing."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rltools.errors import ArgumentError, ModelError
from rltools.policies.sb3._decode import decode_array
from rltools.policies.sb3._saved import meaning
from rltools.policies.sb3._unpickle import Record, unpickle
from rltools.policies.sb3._zip import MIB, read_file

MAX_BYTES = 64 * MIB


@dataclass(frozen=True)
class Statistics:
    """`clip((x - mean) / sqrt(var + epsilon), -clip, clip)`, frozen.

    Attributes:
        mean: float64, of the observation's shape.
        var: float64, of the observation's shape.
        epsilon: keeps the division finite.
        clip: the largest normalised value.
        origin: where they come from, for people.
    """

    mean: Tensor
    var: Tensor
    epsilon: float
    clip: float
    origin: str

    def apply(self, x: Tensor) -> Tensor:
        """Normalise `[batch, *observation]`, in double precision as the library does; the result has x's dtype."""
        mean, deviation = self.mean.to(x.device), torch.sqrt(self.var.to(x.device) + self.epsilon)
        return torch.clamp((x.double() - mean) / deviation, -self.clip, self.clip).to(x.dtype)

    def fingerprint(self) -> bytes:
        """A digest of the numbers."""
        numbers = (self.mean.numpy(), self.var.numpy(), np.array([self.epsilon, self.clip]))
        return hashlib.sha256(b"".join(array.tobytes() for array in numbers)).digest()


def read_statistics(path: Path) -> Statistics | None:
    """The statistics in a vecnormalize.pkl; None where it normalises rewards only.

    Raises:
        ModelError: missing or damaged.
        UnsafeFileError: it wants to run code; nothing was run.
        ArgumentError: statistics of a Dict observation.
    """
    record = unpickle(read_file(path, MAX_BYTES), "the pickle", str(path))
    if not isinstance(record, Record) or not record.qualified.endswith(".VecNormalize"):
        raise ModelError(f"{path} does not hold a VecNormalize; give the file its save() wrote")
    return meaning(lambda: _statistics(record.state, str(path)), "the VecNormalize", path)


def live_statistics(wrapper: Any) -> Statistics | None:
    """A frozen copy of a live VecNormalize's statistics; None where it normalises rewards only.

    Raises:
        ArgumentError: statistics of a Dict observation.
    """
    if not wrapper.norm_obs:
        return None
    if isinstance(wrapper.obs_rms, dict):
        raise ArgumentError("VecNormalize of Dict observations is not supported; observations must be a Box")
    return _checked(
        wrapper.obs_rms.mean, wrapper.obs_rms.var, wrapper.epsilon, wrapper.clip_obs, "the model's own VecNormalize"
    )


def given_statistics(normalize: Any) -> Statistics | None:
    """Statistics that a caller gave: a path or a live VecNormalize.

    Raises:
        ArgumentError: neither of them.
    """
    if isinstance(normalize, (str, Path)):
        return read_statistics(Path(normalize))
    library = sys.modules.get("stable_baselines3.common.vec_env.vec_normalize")
    if library is not None and isinstance(normalize, library.VecNormalize):
        return live_statistics(normalize)
    raise ArgumentError(f"normalize is the path of a vecnormalize.pkl, a live VecNormalize or False, not {normalize!r}")


def find_statistics(folders: tuple[Path, ...]) -> Path | None:
    """The vecnormalize.pkl in the first of these folders that has one."""
    places = (folder / "vecnormalize.pkl" for folder in folders)
    return next((place for place in places if place.is_file()), None)


def _statistics(state: Any, origin: str) -> Statistics | None:
    if state.get("norm_obs") is not True:
        return None
    moments = state["obs_rms"]
    if isinstance(moments, dict):
        raise ArgumentError("VecNormalize of Dict observations is not supported; observations must be a Box")
    mean, var = (decode_array(moments.state[name]) for name in ("mean", "var"))
    return _checked(mean, var, decode_array(state["epsilon"]), decode_array(state["clip_obs"]), origin)


def _checked(mean: Any, var: Any, epsilon: Any, clip: Any, origin: str) -> Statistics:
    mean, var = (torch.tensor(np.asarray(moment, dtype=np.float64)) for moment in (mean, var))
    sane = mean.shape == var.shape and bool(torch.isfinite(mean).all()) and bool((var >= 0).all())
    if not sane or not float(epsilon) >= 0 or not float(clip) > 0:
        raise ValueError(f"its numbers make no sense: shapes {list(mean.shape)}, {list(var.shape)}, clip {clip}")
    return Statistics(mean, var, float(epsilon), float(clip), origin)
