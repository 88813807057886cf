"""Intervals over everything that was drawn: what a number comes to without each part of it, and Student's t."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, log2
from typing import Literal

import numpy as np

from rltools._util.short_repr import short_repr

Named = dict[str, np.ndarray]
Kind = Literal["signed", "positive", "share"]
AT_ONCE = 1 << 22
"""Numbers of the sums that are held at once: a few dozen megabytes, however many episodes there are."""
FEWEST_OF_SKEW = 5
"""Of fewer parts a skew is not to be had; Student's quantile is large there."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval.

    Attributes:
        value: over everything.
        low: lower end, shaped as `value`; NaN where nothing says how far it would move, as where a few draws agree.
        high: upper end; likewise.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray

    __repr__ = short_repr


@dataclass(frozen=True)
class Jackknife:
    """An estimate, and what it comes to without each part of what was drawn.

    The variance of each source of chance, for instance the episodes, is that which its own parts show, and it has as
    many degrees of freedom as parts but one. The variances add up, and their sum has the degrees of freedom of
    Satterthwaite (1946). Where the parts are skewed, Student's interval is too short on one side, and that side is
    longer by what Johnson (1978) shifts the interval by; the other side stays, since few parts say little of a skew.
    A share, which is bounded on both sides, has no such tail.

    Attributes:
        value: float `[*k]`, over everything.
        without: of each source of chance, float `[part, *k]`: without each of its parts. A source of fewer than two
            parts does not show how far it moves the value, so that there is no interval.
    """

    value: np.ndarray
    without: tuple[np.ndarray, ...]

    __repr__ = short_repr

    def interval(self, level: float, kind: Kind = "signed") -> Interval:
        """The value with what holds the truth in a share `level` of all draws; NaN ends where nothing shows that.

        Args:
            level: between 0 and 1, for instance 0.95.
            kind: what the number is. "signed", anything; "positive", at least 0, whose logarithm has the symmetric
                interval; "share", 0 to 1, whose log-odds have it. So neither reaches beyond what it can be, and a
                skewed number, for instance one that few episodes carry, has the long side where it belongs.
        """
        value, (below, above) = self.value, self._reach(level, kind)
        if kind == "signed":
            return Interval(value, value - below, value + above)
        down, up = _factor(below), _factor(above)
        if kind == "positive":
            low, high = value / down, value * up
        else:
            low = value / (value + (1 - value) * down)
            high = value / (value + (1 - value) / up)
        # At 0, and at 1 of a share, there is no scale on which it could move; where all parts agree, it does not.
        edge = (value <= 0) | ((value >= 1) & (kind == "share"))
        point = np.where(self.standard_error() == 0, value, np.nan)
        return Interval(value, np.where(edge, point, low), np.where(edge, point, high))

    def standard_error(self) -> np.ndarray:
        """How far the value would typically move if everything were drawn anew, float `[*k]`."""
        if self._unknown:
            return np.full(self.value.shape, np.nan)
        error: np.ndarray = np.sqrt(np.sum([_variance(self._changes(source)) for source in self.without], axis=0))
        return error

    def minus(self, position: int) -> Jackknife:
        """Along the last axis, how far each value is above the one at a position, drawn together."""
        place = slice(position, position + 1)
        return Jackknife(
            self.value - self.value[..., place], tuple(source - source[..., place] for source in self.without)
        )

    @property
    def _unknown(self) -> bool:
        return not self.without or any(len(source) < 2 for source in self.without)

    def _changes(self, source: np.ndarray, kind: Kind = "signed") -> np.ndarray:
        """How far the value moves without each part, `[part, *k]`: of "positive" and "share" relative to a size.

        That size is the mean of what is with the part and without it, which is nearly the change of the logarithm, or
        of the log-odds, and finite where nothing is left without a part.
        """
        change: np.ndarray = source - self.value
        # What rounding leaves of a number that never moves is no change.
        change = np.where(np.abs(change) <= 64 * np.finfo(np.float64).eps * np.abs(self.value), 0, change)
        if kind == "signed":
            return change
        product = source * self.value if kind == "share" else 0
        size = (source + self.value) / 2 - product
        relative: np.ndarray = np.divide(change, size, out=np.zeros_like(change), where=change != 0)
        return relative

    def _reach(self, level: float, kind: Kind) -> tuple[np.ndarray, np.ndarray]:
        """How far the interval goes below and above the value, relative as `_changes`; NaN where nothing shows that."""
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
    """How many parts must agree before that says that others would: as many as a sign test takes to be sure.

    Of two or three that agree, for instance because each is compared with the other, nothing is known of the next one.

    >>> fewest_alike(0.95), fewest_alike(0.99)
    (6, 8)
    """
    return 1 + ceil(-log2(1 - level))


def jackknife(
    statistic: Callable[..., Named], sums: Sequence[np.ndarray], without: Sequence[np.ndarray] = ()
) -> dict[str, Jackknife]:
    """A statistic of sums over episodes, and what it comes to without each episode and without each block of draws.

    Args:
        statistic: from the sums over some episodes, each `[draw, *k]`, to named arrays `[draw, ...]`.
        sums: what each episode adds, arrays `[episode, *k]`.
        without: the same sums over all episodes, each `[block, *k]`, with one block left out of whatever else was
            drawn for all episodes together, for instance the references; empty where nothing was.
    """
    whole = statistic(*(part.sum(axis=0)[None] for part in sums))
    episodes = _without_each(statistic, sums, whole)
    blocks = statistic(*without) if len(without) else {}
    return {
        name: Jackknife(value[0], (episodes[name], *([blocks[name]] if blocks else [])))
        for name, value in whole.items()
    }


def _factor(reach: np.ndarray) -> np.ndarray:
    """The exponential as far as its cube: the same where an interval says anything, and never astronomical."""
    return 1 + reach * (1 + reach / 2 * (1 + reach / 3))


def _variance(changes: np.ndarray) -> np.ndarray:
    """Of the value, from its changes without each part: around the value, for what is bent shows as error too."""
    variance: np.ndarray = (len(changes) - 1) * np.mean(np.square(changes), axis=0)
    return variance


def _known_variance(changes: np.ndarray, size: np.ndarray, level: float) -> np.ndarray:
    """The same, NaN where so few parts agree, as far as float32 tells, that nothing shows how others would move it."""
    variance = _variance(changes)
    if len(changes) >= fewest_alike(level):
        return variance
    rounding = (len(changes) - 1) * np.square(64 * np.finfo(np.float32).eps * size)
    return np.where(variance > rounding, variance, np.nan)


def _third_moment(changes: np.ndarray) -> np.ndarray:
    """The third central moment of the value, likewise, without bias; 0 where there are too few parts to say."""
    count = len(changes)
    if count < FEWEST_OF_SKEW:
        return np.zeros(changes.shape[1:])
    apart = changes - changes.mean(axis=0)
    moment: np.ndarray = -((count - 1) ** 2) / (count * (count - 2)) * (np.square(apart) * apart).sum(axis=0)
    return moment


def across(values: np.ndarray) -> Jackknife:
    """The mean of `values [episode, *k]`, each episode counting the same; NaN where there is none."""
    values = np.asarray(values, dtype=np.float64)
    if len(values) == 0:
        return Jackknife(np.full(values.shape[1:], np.nan), ())

    def mean(total: np.ndarray, count: np.ndarray) -> Named:
        return {"": total / count.reshape(-1, *[1] * (total.ndim - 1))}

    return jackknife(mean, (values, np.ones(len(values))))[""]


def _without_each(statistic: Callable[..., Named], sums: Sequence[np.ndarray], whole: Named) -> Named:
    """The statistic without each episode, `[episode, ...]`; of a single one nothing is left."""
    count = len(sums[0])
    if count < 2:
        return {name: np.zeros((0, *value.shape[1:])) for name, value in whole.items()}
    # Sums of what comes before and after: what is 0 in all others stays exactly 0, as a difference would not.
    before = [np.concatenate([np.zeros_like(part[:1]), np.cumsum(part, axis=0)[:-1]]) for part in sums]
    after = [np.concatenate([np.cumsum(part[::-1], axis=0)[::-1][1:], np.zeros_like(part[:1])]) for part in sums]
    size = max(1, sum(part[0].size for part in sums))
    step = max(1, AT_ONCE // size)
    parts = []
    for start in range(0, count, step):
        rows = slice(start, start + step)
        parts.append(statistic(*(first[rows] + last[rows] for first, last in zip(before, after, strict=True))))
    return {name: np.concatenate([part[name] for part in parts]) for name in whole}
