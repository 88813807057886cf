"""Statistics per feature, with intervals over the episodes and over whatever was drawn for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.attributions import is_share
from rltools.stats import Interval, Jackknife, Kind, Named, jackknife
from rltools.summary._sums import Sums

KINDS: dict[str, Kind] = {"mean": "signed", "mean_absolute": "positive", "share": "share", "pooled_share": "share"}
"""What each statistic can be."""
FEWEST_CARRIERS = 5
"""Of fewer episodes, or of fewer than half where there are fewer than ten, a variance is not to be had."""


@dataclass(frozen=True)
class Statistics:
    """What the attributions of some steps come to; every Interval is `[target, group]` unless said.

    Attributes:
        n: steps.
        episodes: with at least one such step; intervals are over these.
        mean: signed.
        mean_absolute: of magnitudes.
        share: mean magnitude in the sum of all groups' mean magnitudes; NaN where all are 0.
        pooled_share: `[group]`, the share over all targets together.
        carriers: float `[group]`, how many episodes carry a feature's magnitudes: as many as there are where all carry
            alike, 1 where a single one does; NaN of a feature that never matters.
        drawn: of each statistic by its name, what it comes to without each part of what was drawn.
        standardized_mean: the same times the standard deviation of the feature over the recorded states; None where
            the unit is not "score per unit".
        standardized_mean_absolute: likewise.
        standardized_share: likewise.
        standardized_pooled_share: likewise.
    """

    n: int
    episodes: int
    mean: Interval
    mean_absolute: Interval
    share: Interval
    pooled_share: Interval
    carriers: np.ndarray
    drawn: Mapping[str, Jackknife] = field(repr=False)
    standardized_mean: Interval | None = None
    standardized_mean_absolute: Interval | None = None
    standardized_share: Interval | None = None
    standardized_pooled_share: Interval | None = None

    __repr__ = short_repr

    @property
    def draws(self) -> bool:
        """Whether the intervals show what another draw of references, orders or noise would change."""
        return any(len(found.without) > 1 for found in self.drawn.values())

    @property
    def few(self) -> np.ndarray:
        """Bool `[group]`: what is carried by so few of the episodes that its interval is rough."""
        few: np.ndarray = self.carriers < min(FEWEST_CARRIERS, self.episodes / 2)
        return few

    @property
    def importance(self) -> Interval:
        """`[group]`, what features are ranked by: standardized where the unit is "score per unit"."""
        return self.pooled_share if self.standardized_pooled_share is None else self.standardized_pooled_share

    @property
    def drawn_importance(self) -> Jackknife:
        """`importance` without each part of what was drawn."""
        return self.drawn["pooled_share" if self.standardized_pooled_share is None else "standardized_pooled_share"]


def estimate(sums: Sums, category: int, level: float, unit: str) -> Statistics:
    """The statistics of the steps of one category, over the episodes that have such steps.

    Args:
        sums: of a recording.
        category: of its steps.
        level: of the intervals.
        unit: of the attribution; in "share" signed means are from 0 to 1.
    """
    used = sums.counts[:, category] > 0
    counts, totals = sums.counts[used, category].astype(np.float64), sums.totals[used, category]
    states = None if sums.states is None else sums.states[used]
    deviation_now = None if states is None else _deviation(states.sum(axis=0)[None])

    def statistic(count: np.ndarray, total: np.ndarray, moments: np.ndarray | None = None) -> Named:
        means = _quotient(total, count[:, None, None, None], otherwise=np.nan)
        found = _statistics(means[:, 0], means[:, 1])
        if totals.shape[1] == 4:
            if moments is not None and deviation_now is not None:
                # The deviation is estimated from the same episodes, so it moves with them.
                change = _quotient(_deviation(moments), deviation_now, otherwise=1.0)
                means = means * change[:, None, None, :]
            again = _statistics(means[:, 2], means[:, 3])
            found |= {f"standardized_{name}": part for name, part in again.items()}
        return found

    parts = [counts, totals] + ([] if states is None else [states])
    drawn = jackknife(statistic, parts, _without_draws(sums, used, category))
    kinds = KINDS | ({"mean": "share"} if is_share(unit) else {})
    intervals = {
        name: found.interval(level, kinds[name.removeprefix("standardized_")]) for name, found in drawn.items()
    }
    for prefix in ("", "standardized_"):
        if f"{prefix}mean" in intervals and not is_share(unit):
            intervals[f"{prefix}mean"] = _of_one_sign(intervals[f"{prefix}mean"], intervals[f"{prefix}mean_absolute"])
    # The last kind is that of magnitudes, standardized where there is a deviation.
    carriers = _carriers(totals[:, -1].sum(axis=1))
    return Statistics(int(counts.sum()), int(used.sum()), carriers=carriers, drawn=drawn, **intervals)


def _of_one_sign(mean: Interval, magnitude: Interval) -> Interval:
    """Where all values have one sign the mean is a magnitude with that sign, and has its interval."""
    alike = (np.abs(mean.value) > 0) & (np.abs(mean.value) >= (1 - 1e-9) * magnitude.value)
    above, below = alike & (mean.value > 0), alike & (mean.value < 0)
    low = np.where(above, magnitude.low, np.where(below, -magnitude.high, mean.low))
    high = np.where(above, magnitude.high, np.where(below, -magnitude.low, mean.high))
    return Interval(mean.value, low, high)


def _without_draws(sums: Sums, used: np.ndarray, category: int) -> list[np.ndarray]:
    """The sums over the used episodes with each block of draws left out, `[block, ...]` each; none where none are."""
    if sums.without is None:
        return []
    totals = sums.without[:, category]
    blocks = len(totals)
    counts = np.full(blocks, float(sums.counts[used, category].sum()))
    states = [] if sums.states is None else [np.repeat(sums.states[used].sum(axis=0)[None], blocks, axis=0)]
    return [counts, totals, *states]


def _statistics(mean: np.ndarray, absolute: np.ndarray) -> Named:
    over_targets = absolute.sum(axis=1)
    return {
        "mean": mean,
        "mean_absolute": absolute,
        "share": _quotient(absolute, absolute.sum(axis=-1, keepdims=True), otherwise=np.nan),
        "pooled_share": _quotient(over_targets, over_targets.sum(axis=-1, keepdims=True), otherwise=np.nan),
    }


def _carriers(magnitudes: np.ndarray) -> np.ndarray:
    """How many of the episodes carry `magnitudes [episode, group]`, by Kish's effective number; `[group]`."""
    squares = np.square(magnitudes).sum(axis=0)
    return _quotient(np.square(magnitudes.sum(axis=0)), squares, otherwise=np.nan)


def _deviation(moments: np.ndarray) -> np.ndarray:
    """Standard deviation `[draw, group]` of the states with the moments `[draw, 3, group]`."""
    count, total, squares = np.moveaxis(moments, 1, 0)
    mean = _quotient(total, count, otherwise=0.0)
    std: np.ndarray = np.sqrt(np.maximum(_quotient(squares, count, otherwise=0.0) - mean**2, 0))
    return std


def _quotient(above: np.ndarray, below: np.ndarray, *, otherwise: float) -> np.ndarray:
    above, below = np.broadcast_arrays(above, below)
    quotient: np.ndarray = np.divide(above, below, out=np.full(above.shape, otherwise), where=below != 0)
    return quotient
