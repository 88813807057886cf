"""Intervals by the jackknife: an estimate without each episode and each block of draws, and Student's t."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, log2
from typing import Literal

import numpy as np

from rltools._util.limits import check_level
from rltools._util.short_repr import short_repr

Named = dict[str, np.ndarray]
Kind = Literal["signed", "positive", "share"]
CHUNK_NUMBERS = 1 << 22
"""Numbers of the sums per chunk: a few dozen megabytes, however many episodes there are."""
MIN_PARTS_FOR_SKEW = 5
"""Fewer parts do not show a skew; Student's quantile is large there."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval.

    Attributes:
        value: the estimate.
        low: the lower end, shaped like `value`; NaN if its variation is unknown, for instance if a few draws agree.
        high: the upper end; shaped like `value`, and NaN if `low` is.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray

    __repr__ = short_repr


@dataclass(frozen=True)
class Jackknife:
    """An estimate, and its leave-one-out values for each source of chance.

    Each source of chance, for instance the episodes, has a variance that is estimated from its own parts, with one
    degree of freedom less than it has parts. The variances add up, and their sum has the degrees of freedom of
    Satterthwaite (1946). If the parts are skewed, Student's interval is too short on one side, and that side is
    extended by the shift of Johnson (1978); the other side stays, since few parts say little about a skew. A share,
    which is bounded on both sides, has no such tail.

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
                "share" for 0 to 1, whose log-odds do. So neither interval leaves the range, and a skewed number, for
                instance one that few episodes determine, has the long side where it belongs.

        Raises:
            ArgumentError: the level is not between 0 and 1.
        """
        check_level(level)
        value, (below, above) = self.value, self._reach(level, kind)
        if kind == "signed":
            return Interval(value, value - below, value + above)
        down, up = _factor(below), _factor(above)
        if kind == "positive":
            low, high = value / down, value * up
        else:
            low = value / (value + (1 - value) * down)
            high = value / (value + (1 - value) / up)
        # At 0, and at 1 for a share, the scale has no room to move; if all parts agree, the value does not move.
        edge = (value <= 0) | ((value >= 1) & (kind == "share"))
        point = np.where(self.standard_error() == 0, value, np.nan)
        return Interval(value, np.where(edge, point, low), np.where(edge, point, high))

    def standard_error(self) -> np.ndarray:
        """The standard error, float `[*k]`; NaN if it is unknown."""
        if self._unknown:
            return np.full(self.value.shape, np.nan)
        error: np.ndarray = np.sqrt(np.sum([_variance(self._changes(source)) for source in self.without], axis=0))
        return error

    def minus(self, position: int) -> Jackknife:
        """The paired difference of each number along the last axis and the one at a position."""
        other = slice(position, position + 1)
        return Jackknife(
            self.value - self.value[..., other], tuple(source - source[..., other] for source in self.without)
        )

    @property
    def _unknown(self) -> bool:
        return not self.without or any(len(source) < 2 for source in self.without)

    def _changes(self, source: np.ndarray, kind: Kind = "signed") -> np.ndarray:
        """How far the value moves without each part, `[part, *k]`; relative to a size for "positive" and "share".

        The size is the mean of the value with the part and without it. So a relative change is nearly that of the
        logarithm, or of the log-odds, and is finite even if nothing is left without a part.
        """
        change: np.ndarray = source - self.value
        # Rounding errors of a number that never moves are not changes.
        change = np.where(np.abs(change) <= 64 * np.finfo(np.float64).eps * np.abs(self.value), 0, change)
        if kind == "signed":
            return change
        product = source * self.value if kind == "share" else 0
        size = (source + self.value) / 2 - product
        relative: np.ndarray = np.divide(change, size, out=np.zeros_like(change), where=change != 0)
        return relative

    def _reach(self, level: float, kind: Kind) -> tuple[np.ndarray, np.ndarray]:
        """How far the interval goes below and above the value, relative as in `_changes`; NaN if unknown."""
        from scipy.special import stdtrit

        if self._unknown:
            return np.full(self.value.shape, np.nan), np.full(self.value.shape, np.nan)
        sources = [self._changes(source, kind) for source in self.without]
        size = np.abs(self.value) if kind == "signed" else np.ones(self.value.shape)
        variances = np.stack([_known_variance(changes, size, level) for changes in sources])
        variance = variances.sum(axis=0)
        scale = np.where(variance == 0, 1, variance)
        freedom = np.array([len(changes) - 1.0 for changes in sources]).reshape(-1, *[1] * variance.ndim)
        inverse = (np.square(variances / scale) / freedom).sum(axis=0)
        quantile = stdtrit(1 / np.where(variance == 0, 1, inverse), (1 + level) / 2)
        half = quantile * np.sqrt(variance)
        if kind == "share":
            return half, half
        skew = np.sum([_third_moment(changes) for changes in sources], axis=0) / scale
        shift = skew / 6 * (1 + 2 * np.square(quantile))
        return half + np.maximum(-shift, 0), half + np.maximum(shift, 0)


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
        sums: what each episode adds, arrays `[episode, *k]`.
        without: the same sums over all episodes, each `[block, *k]`, with one block left out of whatever else was
            drawn for all episodes together, for instance the references; empty if nothing was.
    """
    estimates = statistic(*(part.sum(axis=0)[None] for part in sums))
    episodes = _without_each(statistic, sums, estimates)
    blocks = statistic(*without) if len(without) else {}
    return {
        name: Jackknife(value[0], (episodes[name], *([blocks[name]] if blocks else [])))
        for name, value in estimates.items()
    }


def _factor(reach: np.ndarray) -> np.ndarray:
    """The exponential's series up to the cube: nearly the same for a useful interval, and never astronomical."""
    return 1 + reach * (1 + reach / 2 * (1 + reach / 3))


def _variance(changes: np.ndarray) -> np.ndarray:
    """The variance of the value, from its changes without each part; around the value, so curvature adds error too."""
    variance: np.ndarray = (len(changes) - 1) * np.mean(np.square(changes), axis=0)
    return variance


def _known_variance(changes: np.ndarray, size: np.ndarray, level: float) -> np.ndarray:
    """The same; NaN if all parts agree to float32 precision and are too few to tell how others would move it."""
    variance = _variance(changes)
    if len(changes) >= fewest_alike(level):
        return variance
    rounding = (len(changes) - 1) * np.square(64 * np.finfo(np.float32).eps * size)
    return np.where(variance > rounding, variance, np.nan)


def _third_moment(changes: np.ndarray) -> np.ndarray:
    """The third central moment of the value, from its changes, without bias; 0 for too few parts."""
    count = len(changes)
    if count < MIN_PARTS_FOR_SKEW:
        return np.zeros(changes.shape[1:])
    apart = changes - changes.mean(axis=0)
    moment: np.ndarray = -((count - 1) ** 2) / (count * (count - 2)) * (np.square(apart) * apart).sum(axis=0)
    return moment


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
    # Sums of the episodes before and after, not a difference: a number that is 0 in all others stays exactly 0.
    before = [np.concatenate([np.zeros_like(part[:1]), np.cumsum(part, axis=0)[:-1]]) for part in sums]
    after = [np.concatenate([np.cumsum(part[::-1], axis=0)[::-1][1:], np.zeros_like(part[:1])]) for part in sums]
    size = max(1, sum(part[0].size for part in sums))
    step = max(1, CHUNK_NUMBERS // size)
    parts = []
    for start in range(0, count, step):
        rows = slice(start, start + step)
        parts.append(statistic(*(first[rows] + last[rows] for first, last in zip(before, after, strict=True))))
    return {name: np.concatenate([part[name] for part in parts]) for name in estimates}
