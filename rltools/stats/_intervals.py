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
Kind = Literal["signed", "positive", "share", "proportion"]
CHUNK_NUMBERS = 1 << 22
"""Numbers of the sums per chunk: a few dozen megabytes, however many episodes there are."""
FEWEST_REPORTED = 5
"""Intervals over fewer episodes or seeds look as certain as others and are not: their own values are given instead."""
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
    extended by the shift of Johnson (1978) and the next term of the same expansion (Hall 1992); the other side stays,
    since few parts say little about a skew. A share, which is bounded on both sides, takes the first term alone.

    References that were visited in the episodes themselves are no source of their own: an episode moves the estimate by
    its steps and by its references together. With `origins` the variance is that between episodes with everything
    that comes from them, as between the clusters of a sample (Hansen, Hurwitz and Madow 1953).

    Attributes:
        value: float `[*k]`, over all parts.
        without: for each source of chance, float `[part, *k]`: the estimate without each of its parts. With fewer than
            two parts its variance is unknown, and so there is no interval.
        origins: float `[block, episode]`, how many draws of each part of the second source come from each part of the
            first, and from further episodes that are no part of it; None if the sources are independent.
    """

    value: np.ndarray
    without: tuple[np.ndarray, ...]
    origins: np.ndarray | None = None

    __repr__ = short_repr

    def interval(self, level: float, kind: Kind = "signed") -> Interval:
        """The confidence interval of this level; with NaN ends if the variance is unknown.

        Args:
            level: between 0 and 1, for instance 0.95.
            kind: "signed" for any number; "positive" for at least 0, whose logarithm gets the symmetric interval;
                "share" for a part of a total, from 0 to 1, whose log-odds do; "proportion" for a mean of numbers from 0
                to 1, likewise, but without a skew: such numbers have no tail. So neither interval leaves the range, and
                a skewed number, for instance one that few episodes determine, has the long side where it belongs.

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
        edge = (value <= 0) | ((value >= 1) & (kind != "positive"))
        point = np.where(self.standard_error() == 0, value, np.nan)
        return Interval(value, np.where(edge, point, low), np.where(edge, point, high))

    def reported(self, level: float, kind: Kind = "signed") -> Interval:
        """The interval that texts, tables and plots give: as `interval`, without ends for fewer than five episodes.

        Two to four values say little about how far others lie, and readers take a short interval for certainty. What is
        decided by intervals, for instance whether a lead is certain, is decided by `interval`.

        >>> import numpy as np
        >>> from rltools.stats import across
        >>> across(np.arange(4.0)).reported(0.95).low, across(np.arange(5.0)).reported(0.95).low.round(1)
        (array(nan), np.float64(0.0))
        """
        ends = self.interval(level, kind)
        if self.without and len(self.without[0]) >= FEWEST_REPORTED:
            return ends
        unknown = np.full(self.value.shape, np.nan)
        return Interval(self.value, unknown, unknown)

    def standard_error(self) -> np.ndarray:
        """The standard error, float `[*k]`; NaN if it is unknown."""
        if self._unknown:
            return np.full(self.value.shape, np.nan)
        changes = [self._changes(source) for source in self.without]
        together = self._together(changes)
        if together is not None:
            return np.asarray(np.sqrt(np.square(together.moves).sum(axis=0)))
        return np.asarray(np.sqrt(np.sum([_variance(source) for source in changes], axis=0)))

    def minus(self, position: int) -> Jackknife:
        """The paired difference of each number along the last axis and the one at a position."""
        return self.map(lambda numbers: numbers - numbers[..., position : position + 1])

    def map(self, function: Callable[[np.ndarray], np.ndarray]) -> Jackknife:
        """A function of the estimate, also without each part; it is given `[*k]` and `[part, *k]`."""
        return Jackknife(function(self.value), tuple(function(source) for source in self.without), self.origins)

    @property
    def _unknown(self) -> bool:
        return not self.without or any(len(source) < 2 for source in self.without)

    def _changes(self, source: np.ndarray, kind: Kind = "signed") -> np.ndarray:
        """How far the value moves without each part, `[part, *k]`; relative to a size unless "signed".

        The size is the mean of the value with the part and without it. So a relative change is nearly that of the
        logarithm, or of the log-odds, and is finite even if nothing is left without a part.
        """
        change: np.ndarray = source - self.value
        # Rounding errors of a number that never moves are not changes.
        change = np.where(np.abs(change) <= 64 * np.finfo(np.float64).eps * np.abs(self.value), 0, change)
        if kind == "signed":
            return change
        product = 0 if kind == "positive" else source * self.value
        size = (source + self.value) / 2 - product
        relative: np.ndarray = np.divide(change, size, out=np.zeros_like(change), where=change != 0)
        return relative

    def _reach(self, level: float, kind: Kind) -> tuple[np.ndarray, np.ndarray]:
        """How far the interval goes below and above the value, relative as in `_changes`; NaN if unknown."""
        from scipy.special import ndtri, stdtrit

        if self._unknown:
            return np.full(self.value.shape, np.nan), np.full(self.value.shape, np.nan)
        sources = [self._changes(source, kind) for source in self.without]
        size = np.abs(self.value) if kind == "signed" else np.ones(self.value.shape)
        variances = np.stack([_known_variance(changes, size, level) for changes in sources])
        together = self._together(sources)
        if together is None:
            variance = variances.sum(axis=0)
            scale = np.where(variance == 0, 1, variance)
            freedom = np.array([len(changes) - 1.0 for changes in sources]).reshape(-1, *[1] * variance.ndim)
            inverse = (np.square(variances / scale) / freedom).sum(axis=0)
            third = np.sum([_third_moment(changes) for changes in sources], axis=0)
        else:
            variance = np.square(together.moves).sum(axis=0) + 0 * variances.sum(axis=0)  # NaN stays unknown
            scale = np.where(variance == 0, 1, variance)
            inverse, third = together.inverse_freedom, together.third_moment
        quantile = stdtrit(1 / np.where(variance == 0, 1, inverse), (1 + level) / 2)
        error = np.sqrt(variance)
        skew = third / scale**1.5
        if kind in ("share", "proportion"):
            # The first term with the quantile of the normal distribution, of which it is the expansion.
            shift = np.abs(skew) / 6 * (1 + 2 * ndtri((1 + level) / 2) ** 2) * (kind == "share")
            return error * (quantile + np.where(skew < 0, shift, 0)), error * (quantile + np.where(skew > 0, shift, 0))
        # The second term of the expansion grows with the cube, which fewer degrees of freedom than 4 would blow up.
        capped = np.minimum(quantile, stdtrit(MIN_PARTS_FOR_SKEW - 1, (1 + level) / 2))
        longer = np.abs(skew) / 6 * (1 + 2 * quantile**2) + 5 / 72 * skew**2 * (4 * capped**3 - capped)
        return error * (quantile + np.where(skew < 0, longer, 0)), error * (quantile + np.where(skew > 0, longer, 0))

    def _together(self, changes: Sequence[np.ndarray]) -> _Together | None:
        """The episodes with the references that come from them; None if the sources are independent.

        A block of references from several episodes is divided among them by the roots of their shares, so that squares
        add up to that of the block. None too if all references come from one episode, which shows nothing.
        """
        if self.origins is None or len(changes) != 2:
            return None
        (episodes, blocks), (count, columns) = map(len, changes), self.origins.shape
        if count != blocks or columns < episodes:
            raise ValueError(f"origins {self.origins.shape} of {blocks} blocks and {episodes} episodes")
        shares = self.origins / self.origins.sum(axis=1, keepdims=True)
        parts = np.sqrt(shares)
        growth = _lost_by_centering(parts, shares, self.origins.sum() / blocks)
        if growth is None:
            return None
        own = np.zeros((columns, *changes[0].shape[1:]))
        own[:episodes] = np.sqrt((episodes - 1) / episodes) * changes[0]
        drawn = np.sqrt(growth * (blocks - 1) / blocks) * np.tensordot(parts.T, changes[1], axes=1)
        moves = own + drawn
        # The degrees of freedom of Satterthwaite, of episodes that differ in how many references they have.
        of_own, of_drawn = np.square(own).sum(axis=0), np.square(drawn).sum(axis=0)
        weight = np.divide(of_own, of_own + of_drawn, out=np.ones_like(of_own), where=of_own + of_drawn > 0)
        steps, references = (np.arange(columns) < episodes) / episodes, shares.sum(axis=0) / blocks
        squares = (
            weight**2 * (steps @ steps)
            + 2 * weight * (1 - weight) * (steps @ references)
            + (1 - weight) ** 2 * (references @ references)
        )
        inverse = 1 / np.maximum(1 / squares - 1, 1)
        third = np.zeros(moves.shape[1:])
        if columns >= MIN_PARTS_FOR_SKEW:
            apart = moves - moves.mean(axis=0)
            third = -np.sqrt(columns * (columns - 1)) / (columns - 2) * (apart * np.square(apart)).sum(axis=0)
        return _Together(moves, inverse, third)


@dataclass(frozen=True)
class _Together:
    """How far each episode moves the value, with its references: `[episode, *k]`, whose squares add up to a variance.

    Also the inverse of the degrees of freedom, and the third central moment of the value, both `[*k]`.
    """

    moves: np.ndarray
    inverse_freedom: np.ndarray
    third_moment: np.ndarray


def _lost_by_centering(parts: np.ndarray, shares: np.ndarray, per_block: float) -> float | None:
    """By how much the variance of references is too small, because changes are from the mean of the same few episodes.

    The factor is that of a working model (Bell and McCaffrey 2002) in which half of the variance of a reference is that
    of its episode. It depends on how references are spread over the episodes, on no value. None if nothing is left.

    Args:
        parts: float `[block, episode]`, the roots of `shares`.
        shares: float `[block, episode]`, of the references of each block.
        per_block: how many references a block has.
    """
    alike = np.square(parts.T @ (shares - shares.mean(axis=0))).sum()
    apart = np.square(parts - parts.mean(axis=0)).sum() / per_block
    expected = alike + apart
    true = np.square(shares.sum(axis=0)).sum() + len(shares) / per_block
    if expected < 1e-9 * true:
        return None
    return max(1.0, float(true / expected * (len(shares) - 1) / len(shares)))


def fewest_alike(level: float) -> int:
    """How many parts must agree before others can be expected to: as many as a sign test takes at this level.

    Two or three that agree say nothing about the next one.

    >>> fewest_alike(0.95), fewest_alike(0.99)
    (6, 8)
    """
    return 1 + ceil(-log2(1 - level))


def jackknife(
    statistic: Callable[..., Named],
    sums: Sequence[np.ndarray],
    without: Sequence[np.ndarray] = (),
    origins: np.ndarray | None = None,
) -> dict[str, Jackknife]:
    """A statistic of sums over episodes, with its values without each episode and without each block of draws.

    Args:
        statistic: from the sums over some episodes, each `[draw, *k]`, to named arrays `[draw, ...]`.
        sums: what each episode adds, arrays `[episode, *k]`.
        without: the same sums over all episodes, each `[block, *k]`, with one block left out of whatever else was
            drawn for all episodes together, for instance the references; empty if nothing was.
        origins: how many draws of each block come from each episode, `[block, episode]`, as in `Jackknife`.
    """
    estimates = statistic(*(part.sum(axis=0)[None] for part in sums))
    episodes = _without_each(statistic, sums, estimates)
    blocks = statistic(*without) if len(without) else {}
    return {
        name: Jackknife(value[0], (episodes[name], *([blocks[name]] if blocks else [])), origins if blocks else None)
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
