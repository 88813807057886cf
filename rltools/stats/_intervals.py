"""Intervals by the jackknife: an estimate without each episode and each block of draws, and Student's t."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, log2
from typing import Any, Literal

import numpy as np

from rltools._util.short_repr import short_repr

Named = dict[str, np.ndarray]
Kind = Literal["signed", "positive", "share"]
CHUNK_NUMBERS = 1 << 22
"""Numbers of the sums per chunk: a few dozen megabytes, however many episodes there are."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval.

    Attributes:
        value: the estimate.
        low: the lower end, shaped like `value`; NaN if its variation is unknown, for instance if a few draws agree.
        high: the upper end; likewise.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray

    __repr__ = short_repr


@dataclass(frozen=True)
class Jackknife:
    """An estimate, and its leave-one-out values for each source of chance.

    The variance of each source, for instance the episodes, is estimated from its own parts, with one degree of freedom
    less than parts. The variances add up, each times the square of its own quantile of Student's t (Cochran's rule,
    never narrower than that of Welch and Satterthwaite).

    Attributes:
        value: float `[*k]`, over all parts.
        without: for each source of chance, float `[part, *k]`: the estimate without each of its parts. With fewer than
            two parts its variance is unknown, and so there is no interval.
    """

    value: np.ndarray
    without: tuple[np.ndarray, ...]

    __repr__ = short_repr

    def interval(self, level: float, kind: Kind = "signed") -> Interval:
        """The confidence interval of this level; with NaN ends if the variance is unknown.

        Args:
            level: between 0 and 1, for instance 0.95.
            kind: "signed" for any number; "positive" for at least 0, whose logarithm gets the symmetric interval;
                "share" for 0 to 1, whose log-odds do. So neither leaves its range, and a skewed number, for instance
                one that few episodes determine, has the long side where it belongs.
        """
        value, half = self.value, self._half(level)
        if kind == "signed":
            return Interval(value, value - half, value + half)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if kind == "positive":
                factor = np.exp(half / value)
                low, high = value / factor, value * factor
            else:
                factor = np.exp(half / (value * (1 - value)))
                low = value / (value + (1 - value) * factor)
                high = 1 - (1 - value) / (1 - value + value * factor)
        # At 0, and for a share at 1, all parts agree: there is no scale for an interval.
        edge = (value <= 0) | ((value >= 1) & (kind == "share"))
        agree = edge & (self.standard_error() == 0)
        low, high = np.where(agree, value, low), np.where(agree, value, high)
        return Interval(value, np.minimum(low, value), np.maximum(high, value))

    def standard_error(self) -> np.ndarray:
        """The standard error, float `[*k]`; NaN if it is unknown."""
        if self._unknown:
            return np.full(self.value.shape, np.nan)
        return np.sqrt(sum((self._variance(source) for source in self.without), np.zeros(self.value.shape)))

    def minus(self, position: int) -> Jackknife:
        """The paired difference of each number along the last axis and the one at a position."""
        other = slice(position, position + 1)
        return Jackknife(
            self.value - self.value[..., other], tuple(source - source[..., other] for source in self.without)
        )

    @property
    def _unknown(self) -> bool:
        return not self.without or any(len(source) < 2 for source in self.without)

    def _half(self, level: float) -> np.ndarray:
        from scipy.stats import t

        if self._unknown:
            return np.full(self.value.shape, np.nan)
        total = np.zeros(self.value.shape)
        for source in self.without:
            variance = self._variance(source)
            if len(source) < fewest_alike(level):
                variance = np.where(variance > self._rounding(source, np.finfo(np.float32).eps), variance, np.nan)
            total += float(t.ppf((1 + level) / 2, len(source) - 1)) ** 2 * variance
        return np.sqrt(total)

    def _variance(self, source: np.ndarray) -> np.ndarray:
        """The variance around the value, not around the leave-one-out mean, so that curvature counts as error too."""
        variance: np.ndarray = (len(source) - 1) * np.mean(np.square(source - self.value), axis=0)
        # A number that never moves has no error, but for rounding.
        rounding = self._rounding(source, np.finfo(np.float64).eps)
        return np.where(variance > rounding, variance, np.where(np.isnan(variance), np.nan, 0.0))

    def _rounding(self, source: np.ndarray, eps: np.floating[Any]) -> np.ndarray:
        """The variance that rounding alone causes at this precision."""
        rounding: np.ndarray = (len(source) - 1) * np.square(64 * eps * self.value)
        return rounding


def fewest_alike(level: float) -> int:
    """How many parts must agree before others can be expected to: as many as a sign test takes at this level.

    Two or three that agree say nothing about the next one.

    >>> fewest_alike(0.95), fewest_alike(0.99)
    (6, 8)
    """
    return 1 + ceil(-log2(1 - level))


def jackknife(
    statistic: Callable[..., Named], sums: Sequence[np.ndarray], without: Sequence[np.ndarray] = ()
) -> dict[str, Jackknife]:
    """A statistic of sums over episodes, with its values without each episode and without each block of draws.

    Args:
        statistic: from the sums over some episodes, each `[draw, *k]`, to named arrays `[draw, ...]`.
        sums: the contribution of each episode, arrays `[episode, *k]`.
        without: the same sums over all episodes, each `[block, *k]`, without each block of what else was drawn for all
            episodes together, for instance the references; empty without such draws. References that were visited in
            one episode are alike, so that with fewer episodes than blocks only as many blocks count.
    """
    estimates = statistic(*(part.sum(axis=0)[None] for part in sums))
    episodes = _without_each(statistic, sums, estimates)
    blocks = _stretched(statistic(*without), estimates, len(sums[0])) if len(without) else {}
    return {
        name: Jackknife(value[0], (episodes[name], *([blocks[name]] if blocks else [])))
        for name, value in estimates.items()
    }


def _stretched(blocks: Named, estimates: Named, episodes: int) -> Named:
    """The values without each block, stretched to the variance if only as many blocks as episodes are independent."""
    values = {}
    for name, without in blocks.items():
        stretch = np.sqrt(max(1.0, len(without) / max(1, episodes)))
        values[name] = without if stretch == 1 else estimates[name] + (without - estimates[name]) * stretch
    return values


def across(values: np.ndarray) -> Jackknife:
    """The mean of `values [episode, *k]` with equal weights; NaN without episodes."""
    values = np.asarray(values, dtype=np.float64)
    if len(values) == 0:
        return Jackknife(np.full(values.shape[1:], np.nan), ())

    def mean(total: np.ndarray, count: np.ndarray) -> Named:
        return {"": total / count.reshape(-1, *[1] * (total.ndim - 1))}

    return jackknife(mean, (values, np.ones(len(values))))[""]


def _without_each(statistic: Callable[..., Named], sums: Sequence[np.ndarray], estimates: Named) -> Named:
    """The statistic without each episode, `[episode, ...]`; no rows for a single one."""
    count = len(sums[0])
    if count < 2:
        return {name: np.zeros((0, *value.shape[1:])) for name, value in estimates.items()}
    # Sums of the episodes before and after: what is 0 in all others stays exactly 0, unlike in a difference.
    before = [np.concatenate([np.zeros_like(part[:1]), np.cumsum(part, axis=0)[:-1]]) for part in sums]
    after = [np.concatenate([np.cumsum(part[::-1], axis=0)[::-1][1:], np.zeros_like(part[:1])]) for part in sums]
    size = max(1, sum(part[0].size for part in sums))
    step = max(1, CHUNK_NUMBERS // size)
    parts = []
    for start in range(0, count, step):
        rows = slice(start, start + step)
        parts.append(statistic(*(first[rows] + last[rows] for first, last in zip(before, after, strict=True))))
    return {name: np.concatenate([part[name] for part in parts]) for name in estimates}
