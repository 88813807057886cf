"""VecNormalize statistics: read from a file without running anything, or from a live wrapper."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rltools._util.foreign_files import MIB
from rltools.errors import ArgumentError, MismatchError, ModelError, argument
from rltools.policies._normalization import Normalization
from rltools.policies.env_info import MOST
from rltools.policies.sb3.archive.saved import decode_entry
from rltools.policies.untrusted.decode import decode_array
from rltools.policies.untrusted.pickles import Record, unpickle
from rltools.policies.untrusted.zips import read_file
from rltools.spaces import Features
from rltools.spaces.leaves import Path

MAX_BYTES = 64 * MIB


@dataclass(frozen=True)
class Moments:
    """Mean and variance of an array: float64, of the array's shape."""

    mean: Tensor
    var: Tensor

    def oriented(self, shape: tuple[int, ...]) -> Moments | None:
        """The moments in this shape, up to the position of an image's channels; None if they do not fit."""
        if tuple(self.mean.shape) == shape:
            return self
        for axes in ((1, 2, 0), (2, 0, 1)):
            if self.mean.ndim == 3 and len(shape) == 3 and self.mean.permute(axes).shape == shape:
                return Moments(self.mean.permute(axes), self.var.permute(axes))
        return None

    def repeated(self, shape: tuple[int, ...]) -> Moments | None:
        """The moments of several such arrays stacked along the last or the first axis; None if they do not fit."""
        single = tuple(self.mean.shape)
        if len(single) not in (1, 3) or len(shape) != len(single):
            return None
        for axis in (len(single) - 1, 0):
            times, remainder = divmod(shape[axis], single[axis])
            rest, expected = (sizes[:axis] + sizes[axis + 1 :] for sizes in (single, tuple(shape)))
            if remainder == 0 and 2 <= times <= MOST and rest == expected:
                repeats = [times if index == axis else 1 for index in range(len(single))]
                return Moments(self.mean.repeat(repeats), self.var.repeat(repeats))
        return None


@dataclass(frozen=True)
class Statistics:
    """`clip((x - mean) / sqrt(var + epsilon), -clip, clip)`, frozen.

    Attributes:
        moments: of the normalized arrays, by their path: () for the whole observation, (key,) in a Dict.
        epsilon: keeps the division finite.
        clip: the largest normalized value.
        origin: where they come from, in words.
    """

    moments: Mapping[Path, Moments]
    epsilon: float
    clip: float
    origin: str

    def normalization(self, features: Features) -> Normalization:
        """The normalization of encoded observations; the identity on arrays that are not normalized.

        Raises:
            MismatchError: statistics of another shape, or of a missing key.
        """
        mean = torch.zeros(features.size, dtype=torch.float64)
        std, limit = torch.ones_like(mean), torch.full_like(mean, torch.inf)
        parts = {part.leaf.path: part for part in features.parts if part.leaf.kind == "number"}
        for path, moments in self.moments.items():
            part = parts.get(path)
            fitting = None if part is None else moments.oriented(part.shape) or moments.repeated(part.shape)
            if part is None or fitting is None:
                raise MismatchError(self._refusal(path, moments, features))
            elements = slice(part.start, part.stop)
            mean[elements], limit[elements] = fitting.mean.reshape(-1), self.clip
            std[elements] = torch.sqrt(fitting.var.reshape(-1) + self.epsilon)
        return Normalization(*(array.reshape(features.shape) for array in (mean, std, limit)))

    def notes(self, features: Features) -> tuple[str, ...]:
        """The caveat, if any, about statistics of single observations applied to stacked ones."""
        shapes = {part.leaf.path: part.shape for part in features.parts}
        single = [m for path, m in self.moments.items() if path in shapes and m.oriented(shapes[path]) is None]
        if not single:
            return ()
        return (
            f"the statistics of {self.origin} are for single observations and are applied to each stacked one, as "
            f"in VecFrameStack around VecNormalize; the first observations of an episode are padded by their mean "
            f"there (padding_type=mean of FrameStackObservation), and the policy never saw any other padding",
        )

    def fingerprint(self) -> bytes:
        """A SHA-256 digest of the numbers."""
        digest = hashlib.sha256()
        for path, moments in self.moments.items():
            digest.update("/".join(map(str, path)).encode())
            digest.update(moments.mean.numpy().tobytes() + moments.var.numpy().tobytes())
        digest.update(np.array([self.epsilon, self.clip]).tobytes())
        return digest.digest()

    def _refusal(self, path: Path, moments: Moments, features: Features) -> str:
        def shaped(name: str, shape: Sequence[int]) -> str:
            return f"{name} of shape {list(shape)}".strip()

        actual = [shaped(part.leaf.name, part.shape) for part in features.parts]
        return (
            f"the statistics of {self.origin} are {shaped('/'.join(map(str, path)), moments.mean.shape)}, and the "
            f"observations {', '.join(actual)}; give the statistics the agent was trained with as "
            f"{argument('normalize')} ({argument('normalize', 'False')} if it was trained without), or the environment "
            f"that it was trained in as {argument('env')}: with VecNormalize "
            f"around VecFrameStack both are stacked, with VecFrameStack around it the statistics are for one"
        )


def read_statistics(path: FilePath) -> Statistics | None:
    """Read the statistics in a vecnormalize.pkl; None if it normalizes rewards only.

    Raises:
        ModelError: missing or damaged.
        UnsafeFileError: it would run code; nothing was run.
    """
    if path.is_dir():
        raise ModelError(
            f"{path} is a folder; give the file in it that VecNormalize.save() wrote as {argument('normalize', 'PATH')}"
        )
    record = unpickle(read_file(path, MAX_BYTES), "the pickle", str(path))
    if not isinstance(record, Record) or not record.qualified.endswith(".VecNormalize"):
        raise ModelError(f"{path} does not hold a VecNormalize; give the file its save() wrote")
    return decode_entry(lambda: _statistics(record.state, str(path)), "the VecNormalize", path)


def live_statistics(wrapper: Any) -> Statistics | None:
    """A frozen copy of a live VecNormalize's statistics; None if it normalizes rewards only."""
    if not wrapper.norm_obs:
        return None
    running = _by_path(wrapper.obs_rms, wrapper.norm_obs_keys)
    moments = {path: (entry.mean, entry.var) for path, entry in running.items()}
    return _checked(moments, wrapper.epsilon, wrapper.clip_obs, "the model's own VecNormalize")


def given_statistics(normalize: Any) -> Statistics | None:
    """The statistics that a caller passed: a path or a live VecNormalize.

    Raises:
        ArgumentError: anything else.
    """
    if isinstance(normalize, (str, FilePath)):
        return read_statistics(FilePath(normalize))
    library = sys.modules.get("stable_baselines3.common.vec_env.vec_normalize")
    if library is not None and isinstance(normalize, library.VecNormalize):
        return live_statistics(normalize)
    raise ArgumentError(f"normalize is the path of a vecnormalize.pkl, a live VecNormalize or False, not {normalize!r}")


def _statistics(state: Any, origin: str) -> Statistics | None:
    if state.get("norm_obs") is not True:
        return None
    running, moments = state["obs_rms"], {}
    for path, entry in _by_path(running, state.get("norm_obs_keys")).items():
        moments[path] = (decode_array(entry.state["mean"]), decode_array(entry.state["var"]))
    return _checked(moments, decode_array(state["epsilon"]), decode_array(state["clip_obs"]), origin)


def _by_path(running: Any, keys: Any) -> dict[Path, Any]:
    if not isinstance(running, dict):
        return {(): running}
    normalized = list(running) if keys is None else list(keys)  # old versions normalized every key
    if not normalized or not all(isinstance(key, str) for key in normalized):
        raise ValueError("statistics by key, without keys")
    return {(key,): running[key] for key in normalized}


def _checked(moments: Mapping[Path, tuple[Any, Any]], epsilon: Any, clip: Any, origin: str) -> Statistics:
    checked = {}
    for path, pair in moments.items():
        mean, var = (torch.tensor(np.asarray(moment, dtype=np.float64)) for moment in pair)
        if mean.shape != var.shape or not bool(torch.isfinite(mean).all()) or not bool((var >= 0).all()):
            raise ValueError(f"its numbers make no sense: shapes {list(mean.shape)}, {list(var.shape)}")
        checked[path] = Moments(mean, var)
    if not float(epsilon) >= 0 or not float(clip) > 0:
        raise ValueError(f"its numbers make no sense: epsilon {epsilon}, clip {clip}")
    return Statistics(checked, float(epsilon), float(clip), origin)
