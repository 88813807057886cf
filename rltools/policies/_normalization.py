"""Normalization inside a policy: the environment gives plain observations, the network takes normalized ones."""

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
MOST_REPEATED = 1 << 16  # numbers; half a megabyte


@dataclass(frozen=True)
class Normalization:
    """`clip((x - mean) / std, -limit, limit)` of each element of an encoded observation, with frozen statistics.

    An element that is not normalized has mean 0, std 1 and no limit.

    Attributes:
        mean: float64 `[*feature]`.
        std: float64 `[*feature]`.
        limit: float64 `[*feature]`, the largest normalized magnitude; infinite for elements that are not clipped.
    """

    mean: Tensor
    std: Tensor
    limit: Tensor

    def apply(self, x: Tensor) -> Tensor:
        """Normalize `[batch, *feature]`, in double precision; the result has x's dtype."""
        limit = self.limit.to(x.device)
        return torch.clamp(self._scaled(x), -limit, limit).to(x.dtype)

    def vjp(self, x: Tensor, g: Tensor) -> Tensor:
        """Map `g [..., batch, *feature]`, gradients of the result of `apply`, to gradients of `x [batch, *feature]`."""
        inside = self._scaled(x).abs() <= self.limit.to(x.device)
        return (g * inside / self.std.to(x.device)).to(g.dtype)

    def apply_to_array(self, values: np.ndarray) -> np.ndarray:
        """The same as `apply`, to the last bit, for acting: for a few rows NumPy takes half of torch's time."""
        mean, std, low, high = self._repeated(len(values))
        scaled = values.astype(np.float64)
        scaled -= mean
        scaled /= std
        np.maximum(scaled, low, out=scaled)
        np.minimum(scaled, high, out=scaled)
        return scaled.astype(values.dtype)

    def _repeated(self, rows: int) -> Sequence[np.ndarray]:
        """Mean, std and limits repeated for each row: broadcasting a few elements takes NumPy three times as long."""
        if not 0 < rows * self.mean.numel() <= MOST_REPEATED:
            return self._arrays
        if rows not in self._by_rows:
            self._by_rows.clear()  # a rollout keeps acting on the same number of rows
            self._by_rows[rows] = [np.repeat(array[None], rows, axis=0) for array in self._arrays]
        return self._by_rows[rows]

    @cached_property
    def _arrays(self) -> Sequence[np.ndarray]:
        return self.mean.numpy(), self.std.numpy(), -self.limit.numpy(), self.limit.numpy()

    @cached_property
    def _by_rows(self) -> dict[int, Sequence[np.ndarray]]:
        return {}

    def clipped(self, x: Tensor) -> Tensor:
        """`x [batch, *feature]` -> bool of that shape: elements that are clipped, and have no gradient."""
        return self._scaled(x).abs() > self.limit.to(x.device)

    def reached(self, x: Tensor) -> Tensor:
        """The same as `clipped` for an `x` that is normalized already."""
        return x.double().abs() >= self.limit.to(x.device).to(x.dtype)

    def units(self, features: Features) -> Features:
        """The features of normalized observations; the unit of a normalized one is a standard deviation."""
        plain = features.units or ("",) * features.size
        scaled = torch.isfinite(self.limit).flatten().tolist()
        units = tuple(UNIT if is_scaled else unit for is_scaled, unit in zip(scaled, plain, strict=True))
        return dataclasses.replace(features, units=units)

    def _scaled(self, x: Tensor) -> Tensor:
        mean, std = self.mean, self.std
        if x.device.type != "cpu":
            mean, std = mean.to(x.device), std.to(x.device)
        return (x - mean) / std  # in double precision, the wider of the two dtypes
