"""Intervals over everything that was drawn: what a number comes to without each part of it, and Student's t."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, log2
from typing import Any, Literal

import numpy as np

from rltools._util.short_repr import short_repr

Named = dict[str, np.ndarray]
Kind = Literal["signed", "positive", "share"]
AT_ONCE = 1 << 22
"""Numbers of the sums that are held at once: a few dozen megabytes, however many episodes there are."""


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
    many degrees of freedom as parts but one. The variances add up, each times the square of its own quantile of
    Student's t (Cochran's rule, never narrower than that of Welch and Satterthwaite).

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
        # At 0, and at 1 of a share, every part agrees: there is no scale on which it could move.
        edge = (value <= 0) | ((value >= 1) & (kind == "share"))
        agree = edge & (self.standard_error() == 0)
        low, high = np.where(agree, value, low), np.where(agree, value, high)
        return Interval(value, np.minimum(low, value), np.maximum(high, value))

    def standard_error(self) -> np.ndarray:
        """How far the value would typically move if everything were drawn anew, float `[*k]`."""
        if self._unknown:
            return np.full(self.value.shape, np.nan)
        return np.sqrt(sum((self._variance(source) for source in self.without), np.zeros(self.value.shape)))

    def minus(self, position: int) -> Jackknife:
        """Along the last axis, how far each value is above the one at a position, drawn together."""
        place = slice(position, position + 1)
        return Jackknife(
            self.value - self.value[..., place], tuple(source - source[..., place] for source in self.without)
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
        """Around the value and not around the mean without each part: what is bent shows as error too."""
        variance: np.ndarray = (len(source) - 1) * np.mean(np.square(source - self.value), axis=0)
        # What rounding leaves of a number that never moves is no error.
        rounding = self._rounding(source, np.finfo(np.float64).eps)
        return np.where(variance > rounding, variance, np.where(np.isnan(variance), np.nan, 0.0))

    def _rounding(self, source: np.ndarray, eps: np.floating[Any]) -> np.ndarray:
        """What the variance of a number that never moves comes to where it is computed with this precision."""
        rounding: np.ndarray = (len(source) - 1) * np.square(64 * eps * self.value)
        return rounding


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
            drawn for all episodes together, for instance the references; empty where nothing was. References that were
            visited in one episode are alike, so that of fewer episodes than blocks only as many blocks count.
    """
    whole = statistic(*(part.sum(axis=0)[None] for part in sums))
    episodes = _without_each(statistic, sums, whole)
    blocks = _apart(statistic(*without), whole, len(sums[0])) if len(without) else {}
    return {
        name: Jackknife(value[0], (episodes[name], *([blocks[name]] if blocks else [])))
        for name, value in whole.items()
    }


def _apart(blocks: Named, whole: Named, episodes: int) -> Named:
    """What blocks say, with the variance that their mean has where only so many of them as episodes are independent."""
    found = {}
    for name, without in blocks.items():
        stretch = np.sqrt(max(1.0, len(without) / max(1, episodes)))
        found[name] = without if stretch == 1 else whole[name] + (without - whole[name]) * stretch
    return found


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
