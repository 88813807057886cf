"""The value of a metric, with its values without each part of each source of chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.stats import Interval, Jackknife, jackknife


@dataclass(frozen=True)
class Value:
    """The value of a metric for one attribution.

    Attributes:
        estimate: the value, a scalar, with its values without each part of each source of chance.
        sources: a name for each source: "seeds" of measured losses, "episodes", "references", "draws". Two values
            whose source has the same name have the same parts, in the same order, and are compared part by part.
        n: how many things it is a mean over.

    Example:
        >>> import numpy as np
        >>> from rltools.metrics import value_of_rows
        >>> first = value_of_rows(np.array([1.0, 2.0, 4.0, 5.0]), episodes=np.array([0, 0, 1, 1]))
        >>> second = value_of_rows(np.array([0.0, 1.0, 3.0, 4.0]), episodes=np.array([0, 0, 1, 1]))
        >>> float(first.estimate.value), first.sources, first.n
        (3.0, ('episodes',), 4)
        >>> float(first.minus(second).estimate.standard_error())
        0.0
    """

    estimate: Jackknife
    sources: tuple[str, ...] = ()
    n: int = 0

    __repr__ = short_repr

    @property
    def value(self) -> float:
        """The value itself."""
        return float(self.estimate.value)

    def interval(self, level: float, low: float = -np.inf, high: float = np.inf) -> Interval:
        """The interval of this level, cut at the ends of the metric's range; NaN ends if nothing varies but chance."""
        ends = self.estimate.interval(level)
        return Interval(ends.value, np.maximum(ends.low, low), np.minimum(ends.high, high))

    def minus(self, other: Value) -> Value:
        """The difference from another value, part by part where both have the same source of chance."""
        mine = dict(zip(self.sources, self.estimate.without, strict=True))
        others = dict(zip(other.sources, other.estimate.without, strict=True))
        sources = tuple(dict.fromkeys((*mine, *others)))
        without = tuple(
            mine.get(name, self.estimate.value) - others.get(name, other.estimate.value) for name in sources
        )
        return Value(Jackknife(self.estimate.value - other.estimate.value, without), sources, self.n)


def mean_value(values: Sequence[Value]) -> Value:
    """The mean of values with the same sources of chance, for instance of several random maps."""
    estimates = [each.estimate for each in values]
    without = tuple(np.mean(parts, axis=0) for parts in zip(*(each.without for each in estimates), strict=True))
    value = np.mean([each.value for each in estimates], axis=0)
    return Value(Jackknife(value, without), values[0].sources, values[0].n)


def value_of_rows(rows: np.ndarray, episodes: np.ndarray) -> Value:
    """The mean of a number per step, with the episodes, and draws that all steps share, as sources of chance.

    Args:
        rows: float `[step]` or `[step, draw]`; steps with a NaN are left out.
        episodes: int64 `[step]`, the episode of each step.

    Returns:
        The value, whose `n` is the number of steps; NaN if none is left.

    Example:
        >>> import numpy as np
        >>> from rltools.metrics import value_of_rows
        >>> value_of_rows(np.array([[1.0, 2.0], [3.0, 6.0]]), episodes=np.array([0, 1])).sources
        ('episodes', 'draws')
    """
    numbers = np.unique(episodes)
    usable = np.isfinite(rows.reshape(len(rows), -1)).all(axis=1)
    by_draw, member = rows.reshape(len(rows), -1)[usable], np.searchsorted(numbers, episodes[usable])
    totals, counts = np.zeros((len(numbers), by_draw.shape[1])), np.zeros(len(numbers))
    np.add.at(totals, member, by_draw)
    np.add.at(counts, member, 1)
    if not usable.any():
        return Value(Jackknife(np.array(np.nan), ()))

    def mean(total: np.ndarray, count: np.ndarray) -> dict[str, np.ndarray]:
        with np.errstate(invalid="ignore", divide="ignore"):
            return {"": total / count[:, None]}

    # An episode without a usable step changes nothing, and stays: another value may have steps there.
    by_episode = jackknife(mean, (totals, counts))[""]
    without = tuple(source.mean(axis=-1) for source in by_episode.without)
    value, sources = by_episode.value.mean(), ("episodes",)[: len(without)]
    draws = by_draw.shape[1]
    if draws > 1:
        each = by_episode.value
        without, sources = (*without, (each.sum() - each) / (draws - 1)), (*sources, "draws")
    return Value(Jackknife(np.asarray(value), without), sources, int(usable.sum()))
