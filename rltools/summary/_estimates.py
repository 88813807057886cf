"""Statistics per feature, with intervals from resampled episodes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rltools.short_repr import short_repr
from rltools.summary._sums import Sums

Named = dict[str, np.ndarray]


@dataclass(frozen=True)
class Interval:
    """An estimate with its percentile bootstrap interval.

    Attributes:
        value: over all episodes.
        low: lower end, shaped as `value`; NaN with fewer than two episodes.
        high: upper end; likewise.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray

    __repr__ = short_repr


@dataclass(frozen=True)
class Statistics:
    """What the attributions of some steps come to; every Interval is `[target, group]` unless said.

    Attributes:
        n: steps.
        episodes: with at least one such step; they are what is resampled.
        mean: signed.
        mean_absolute: of magnitudes.
        share: mean magnitude in the sum of all groups' mean magnitudes; NaN where all are 0.
        pooled_share: `[group]`, the share over all targets together.
        standardised_mean: the same times the standard deviation of the feature over the recorded states; None where
            the unit is not "score per unit".
        standardised_mean_absolute: likewise.
        standardised_share: likewise.
        standardised_pooled_share: likewise.
    """

    n: int
    episodes: int
    mean: Interval
    mean_absolute: Interval
    share: Interval
    pooled_share: Interval
    standardised_mean: Interval | None = None
    standardised_mean_absolute: Interval | None = None
    standardised_share: Interval | None = None
    standardised_pooled_share: Interval | None = None

    __repr__ = short_repr

    @property
    def importance(self) -> Interval:
        """`[group]`, what features are ranked by: standardised where the unit is "score per unit"."""
        return self.pooled_share if self.standardised_pooled_share is None else self.standardised_pooled_share


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made: percentiles of the statistic over resampled episodes.

    Attributes:
        level: how sure, for instance 0.95.
        resamples: how often the episodes are drawn anew.
        seed: of the draws.
    """

    level: float
    resamples: int
    seed: int

    def intervals(self, statistic: Callable[[np.ndarray], Named], episodes: int) -> dict[str, Interval]:
        """The intervals of each statistic; all arrays of `statistic(weights [draw, episode])` begin with the draw."""
        once = statistic(np.ones((1, episodes)))
        values = {name: found[0] for name, found in once.items()}
        low, high = self._ends(statistic, episodes) if episodes > 1 else (np.nan, np.nan)
        size = sum(value.size for value in values.values())
        low, high = np.broadcast_to(low, size), np.broadcast_to(high, size)
        result, at = {}, 0
        for name, value in values.items():
            part = slice(at, at + value.size)
            result[name] = Interval(value, low[part].reshape(value.shape), high[part].reshape(value.shape))
            at += value.size
        return result

    def _ends(self, statistic: Callable[[np.ndarray], Named], episodes: int) -> tuple[np.ndarray, np.ndarray]:
        from scipy.stats import DegenerateDataWarning, bootstrap

        def of_drawn(drawn: np.ndarray, axis: int) -> np.ndarray:
            found = statistic(_multiplicities(np.atleast_2d(drawn), episodes))
            return np.concatenate([part.reshape(len(part), -1) for part in found.values()], axis=1).T

        with warnings.catch_warnings():
            # A share of 0/0 is NaN on purpose.
            warnings.simplefilter("ignore", DegenerateDataWarning)
            ends = bootstrap(
                (np.arange(episodes),),
                of_drawn,
                n_resamples=self.resamples,
                batch=200,
                vectorized=True,
                confidence_level=self.level,
                method="percentile",
                rng=np.random.default_rng(self.seed),
            ).confidence_interval
        return np.asarray(ends.low), np.asarray(ends.high)


def estimate(sums: Sums, category: int, bootstrap: Bootstrap) -> Statistics:
    """The statistics of the steps of one category, over the episodes that have such steps."""
    used = sums.counts[:, category] > 0
    counts, totals = sums.counts[used, category].astype(np.float64), sums.totals[used, category]
    states = None if sums.states is None else sums.states[used]
    standardised = totals.shape[1] == 4
    deviation_now = None if states is None else _deviation(np.ones((1, len(states))), states)

    def statistic(weights: np.ndarray) -> Named:
        if weights.shape[1] == 0:
            means = np.full((len(weights), *totals.shape[1:]), np.nan)
        else:
            means = np.tensordot(weights, totals, 1) / (weights @ counts)[:, None, None, None]
        found = _statistics(means[:, 0], means[:, 1])
        if standardised:
            if states is not None and deviation_now is not None:
                # The deviation is estimated from the same episodes, so it is drawn anew with them.
                change = _quotient(_deviation(weights, states), deviation_now, otherwise=1.0)
                means = means * change[:, None, None, :]
            again = _statistics(means[:, 2], means[:, 3])
            found |= {f"standardised_{name}": part for name, part in again.items()}
        return found

    return Statistics(int(counts.sum()), int(used.sum()), **bootstrap.intervals(statistic, int(used.sum())))


def _statistics(mean: np.ndarray, absolute: np.ndarray) -> Named:
    over_targets = absolute.sum(axis=1)
    return {
        "mean": mean,
        "mean_absolute": absolute,
        "share": _quotient(absolute, absolute.sum(axis=-1, keepdims=True), otherwise=np.nan),
        "pooled_share": _quotient(over_targets, over_targets.sum(axis=-1, keepdims=True), otherwise=np.nan),
    }


def _deviation(weights: np.ndarray, states: np.ndarray) -> np.ndarray:
    """Standard deviation `[draw, group]` of the states of the drawn episodes."""
    count, total, squares = np.moveaxis(np.tensordot(weights, states, 1), 1, 0)
    mean = _quotient(total, count, otherwise=0.0)
    deviation: np.ndarray = np.sqrt(np.maximum(_quotient(squares, count, otherwise=0.0) - mean**2, 0))
    return deviation


def _quotient(above: np.ndarray, below: np.ndarray, *, otherwise: float) -> np.ndarray:
    above, below = np.broadcast_arrays(above, below)
    quotient: np.ndarray = np.divide(above, below, out=np.full(above.shape, otherwise), where=below != 0)
    return quotient


def _multiplicities(drawn: np.ndarray, episodes: int) -> np.ndarray:
    """How often each episode was drawn: `[draw, episode]`."""
    places = drawn + episodes * np.arange(len(drawn))[:, None]
    counted = np.bincount(places.ravel(), minlength=len(drawn) * episodes)
    return counted.reshape(len(drawn), episodes).astype(np.float64)
