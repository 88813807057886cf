"""Normalization that belongs to a policy: the environment gives plain observations, the network takes others."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from rltools.spaces import Features

UNIT = "deviations"
MOST_BESIDE = 1 << 16  # numbers; half a megabyte


@dataclass(frozen=True)
class Normalization:
    """`clip((x - mean) / deviation, -limit, limit)` of each entry of an encoded observation, with frozen numbers.

    An entry that is taken as it is has mean 0, deviation 1 and no limit.

    Attributes:
        mean: float64 `[*feature]`.
        std: float64 `[*feature]`.
        limit: float64 `[*feature]`, the largest normalized magnitude; infinite where nothing is clipped.
    """

    mean: Tensor
    std: Tensor
    limit: Tensor

    def apply(self, x: Tensor) -> Tensor:
        """Normalize `[batch, *feature]`, in double precision; the result has x's dtype."""
        limit = self.limit.to(x.device)
        return torch.clamp(self._scaled(x), -limit, limit).to(x.dtype)

    def back(self, x: Tensor, g: Tensor) -> Tensor:
        """From `g [..., batch, *feature]`, gradients of what `apply` gives, to those of `x [batch, *feature]`."""
        inside = self._scaled(x).abs() <= self.limit.to(x.device)
        return (g * inside / self.std.to(x.device)).to(g.dtype)

    def apply_to_array(self, values: np.ndarray) -> np.ndarray:
        """The same, to the last bit, for acting: NumPy does it to a few rows in half of torch's time."""
        mean, std, low, high = self._beside(len(values))
        scaled = values.astype(np.float64)
        scaled -= mean
        scaled /= std
        np.maximum(scaled, low, out=scaled)
        np.minimum(scaled, high, out=scaled)
        return scaled.astype(values.dtype)

    def _beside(self, rows: int) -> Sequence[np.ndarray]:
        """Mean, deviation and limits of as many rows: to spread a few entries over rows takes NumPy thrice as long."""
        if not 0 < rows * self.mean.numel() <= MOST_BESIDE:
            return self._arrays
        if rows not in self._kept:
            self._kept.clear()  # a rollout acts on the same number of rows for long
            self._kept[rows] = [np.repeat(array[None], rows, axis=0) for array in self._arrays]
        return self._kept[rows]

    @cached_property
    def _arrays(self) -> Sequence[np.ndarray]:
        return self.mean.numpy(), self.std.numpy(), -self.limit.numpy(), self.limit.numpy()

    @cached_property
    def _kept(self) -> dict[int, Sequence[np.ndarray]]:
        return {}

    def clipped(self, x: Tensor) -> Tensor:
        """`x [batch, *feature]` -> bool of that shape: where only the limit is left of an entry, and no gradient."""
        return self._scaled(x).abs() > self.limit.to(x.device)

    def reached(self, x: Tensor) -> Tensor:
        """The same of an `x` that is normalized already."""
        return x.double().abs() >= self.limit.to(x.device).to(x.dtype)

    def units(self, features: Features) -> Features:
        """The features of normalized observations: those that are counted in deviations have that unit."""
        plain = features.units or ("",) * features.size
        scaled = torch.isfinite(self.limit).flatten().tolist()
        units = tuple(UNIT if of_network else unit for of_network, unit in zip(scaled, plain, strict=True))
        return dataclasses.replace(features, units=units)

    def _scaled(self, x: Tensor) -> Tensor:
        mean, std = self.mean, self.std
        if x.device.type != "cpu":
            mean, std = mean.to(x.device), std.to(x.device)
        return (x - mean) / std  # in double precision: of two dtypes the wider one counts
