"""Computes statistics per feature, with intervals over episodes and over the draw of references or noise."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.attributions import is_share
from rltools.stats import FEWEST_REPORTED, Interval, Jackknife, Kind, Named, jackknife
from rltools.summary._sums import Sums

KINDS: dict[str, Kind] = {"mean": "signed", "mean_absolute": "positive", "share": "share", "pooled_share": "share"}
"""The kind of each statistic, which decides the scale of its interval."""
FEWEST_CARRIERS = 5
"""How many episodes must carry a feature for a usable variance; half of the episodes if there are fewer than ten."""


@dataclass(frozen=True)
class Statistics:
    """Statistics of the attributions of some steps; every Interval is `[target, group]` unless stated.

    Attributes:
        n: the number of steps.
        episodes: the number of episodes with such steps; intervals are over these.
        mean: the mean signed attribution.
        mean_absolute: the mean magnitude.
        share: mean magnitude divided by the sum of the mean magnitudes of all groups; NaN if all are 0.
        pooled_share: `[group]`, the share over all targets together.
        carriers: float `[group]`, the effective number of episodes that carry a feature: all of them if they carry it
            equally, 1 if a single one does; NaN for a feature that never matters.
        drawn: each statistic by name, with its values without each episode and each block of draws.
        each: each statistic by name in each episode alone, `[episode, ...]`, for fewer episodes than have an interval;
            empty for more.
        standardized_mean: the mean times the std of the feature over the recorded observations; None unless the unit is
            "score per unit".
        standardized_mean_absolute: `mean_absolute` times that std, or None.
        standardized_share: the share of `standardized_mean_absolute`, or None.
        standardized_pooled_share: that share over all targets together, or None.
    """

    n: int
    episodes: int
    mean: Interval
    mean_absolute: Interval
    share: Interval
    pooled_share: Interval
    carriers: np.ndarray
    drawn: Mapping[str, Jackknife] = field(repr=False)
    each: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)
    standardized_mean: Interval | None = None
    standardized_mean_absolute: Interval | None = None
    standardized_share: Interval | None = None
    standardized_pooled_share: Interval | None = None

    __repr__ = short_repr

    @property
    def draws(self) -> bool:
        """Whether the intervals cover another draw of references, orders or noise."""
        return any(len(drawn.without) > 1 for drawn in self.drawn.values())

    @property
    def few(self) -> np.ndarray:
        """Bool `[group]`: features carried by so few episodes that their intervals are rough."""
        few: np.ndarray = self.carriers < min(FEWEST_CARRIERS, self.episodes / 2)
        return few

    @property
    def importance(self) -> Interval:
        """The share that features are ranked by, `[group]`: standardized if the unit is "score per unit"."""
        return self.pooled_share if self.standardized_pooled_share is None else self.standardized_pooled_share

    @property
    def each_importance(self) -> np.ndarray:
        """`importance` in each episode alone, float `[episode, group]`; no rows if there are enough for intervals."""
        name = "pooled_share" if self.standardized_pooled_share is None else "standardized_pooled_share"
        return self.each.get(name, np.zeros((0, len(self.carriers))))

    @property
    def drawn_importance(self) -> Jackknife:
        """`importance` with its values without each episode and each block of draws."""
        return self.drawn["pooled_share" if self.standardized_pooled_share is None else "standardized_pooled_share"]


def estimate(sums: Sums, category: int, level: float, unit: str) -> Statistics:
    """The statistics of the steps of one category, over the episodes that have such steps.

    Args:
        sums: the sums of a recording.
        category: the category of its steps.
        level: the level of the intervals.
        unit: the unit of the attribution; in "share" signed means are from 0 to 1.
    """
    used = sums.counts[:, category] > 0
    counts, totals = sums.counts[used, category].astype(np.float64), sums.totals[used, category]
    states = None if sums.states is None else sums.states[used]
    std_now = None if states is None else _std_of(states.sum(axis=0)[None])

    def statistic(count: np.ndarray, total: np.ndarray, moments: np.ndarray | None = None) -> Named:
        means = _quotient(total, count[:, None, None, None], otherwise=np.nan)
        estimated = _statistics(means[:, 0], means[:, 1])
        if totals.shape[1] == 4:
            if moments is not None and std_now is not None:
                # The std is estimated from the same episodes, so it moves with them.
                change = _quotient(_std_of(moments), std_now, otherwise=1.0)
                means = means * change[:, None, None, :]
            again = _statistics(means[:, 2], means[:, 3])
            estimated |= {f"standardized_{name}": part for name, part in again.items()}
        return estimated

    parts = [counts, totals] + ([] if states is None else [states])
    drawn = jackknife(statistic, parts, _without_draws(sums, used, category), sums.origins_of(used))
    kinds = KINDS | ({"mean": "proportion"} if is_share(unit) else {})
    intervals = {
        name: estimated.reported(level, kinds[name.removeprefix("standardized_")]) for name, estimated in drawn.items()
    }
    for prefix in ("", "standardized_"):
        if f"{prefix}mean" in intervals and not is_share(unit):
            intervals[f"{prefix}mean"] = _of_one_sign(intervals[f"{prefix}mean"], intervals[f"{prefix}mean_absolute"])
    # The last kind is magnitudes, standardized if there is a std.
    carriers = _carriers(totals[:, -1].sum(axis=1))
    each = statistic(counts, totals) if len(counts) < FEWEST_REPORTED else {}
    return Statistics(int(counts.sum()), int(used.sum()), carriers=carriers, drawn=drawn, each=each, **intervals)


def _of_one_sign(mean: Interval, magnitude: Interval) -> Interval:
    """If all values have one sign, the mean is a magnitude with that sign, and has its interval."""
    alike = (np.abs(mean.value) > 0) & (np.abs(mean.value) >= (1 - 1e-9) * magnitude.value)
    above, below = alike & (mean.value > 0), alike & (mean.value < 0)
    low = np.where(above, magnitude.low, np.where(below, -magnitude.high, mean.low))
    high = np.where(above, magnitude.high, np.where(below, -magnitude.low, mean.high))
    return Interval(mean.value, low, high)


def _without_draws(sums: Sums, used: np.ndarray, category: int) -> list[np.ndarray]:
    """The sums over the used episodes with each block of draws left out, `[block, ...]` each; empty without draws."""
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
    """The effective number `[group]` of episodes, after Kish, that carry `magnitudes [episode, group]`."""
    squares = np.square(magnitudes).sum(axis=0)
    return _quotient(np.square(magnitudes.sum(axis=0)), squares, otherwise=np.nan)


def _std_of(moments: np.ndarray) -> np.ndarray:
    """The std `[draw, group]` of observations with the moments `[draw, 3, group]`."""
    count, total, squares = np.moveaxis(moments, 1, 0)
    mean = _quotient(total, count, otherwise=0.0)
    std: np.ndarray = np.sqrt(np.maximum(_quotient(squares, count, otherwise=0.0) - mean**2, 0))
    return std


def _quotient(above: np.ndarray, below: np.ndarray, *, otherwise: float) -> np.ndarray:
    above, below = np.broadcast_arrays(above, below)
    quotient: np.ndarray = np.divide(above, below, out=np.full(above.shape, otherwise), where=below != 0)
    return quotient


def scores_of(labels: Sequence[str]) -> tuple[str, ...]:
    """The score of each target, taken from its label.

    >>> scores_of(("centered:left", "centered[1]:right", "value"))
    ('centered', 'centered', 'value')
    """
    return tuple(re.split(r"[\[:]", label, maxsplit=1)[0] for label in labels)


def estimate_alike(sums: Sums, category: int, level: float, unit: str, labels: Sequence[str]) -> Statistics:
    """`estimate` with equal weights for all scores, however large their attributions are.

    Targets of one score are pooled as they are. With several scores, say `centered:chosen & value`, the share over all
    targets is the mean of the shares in each score; scores with attributions of 0 only are left out. Intervals treat
    the total size of a score's attributions as exact.
    """
    statistics = estimate(sums, category, level, unit)
    scores = scores_of(labels)
    if len(set(scores)) < 2:
        return statistics
    scale = _of_one_size(sums.totals, category, scores)
    without = None if sums.without is None else sums.without * scale
    alike = estimate(replace(sums, totals=sums.totals * scale, without=without), category, level, unit)
    pooled = ("pooled_share", "standardized_pooled_share")
    return replace(
        statistics,
        pooled_share=alike.pooled_share,
        standardized_pooled_share=alike.standardized_pooled_share,
        drawn={name: (alike if name in pooled else statistics).drawn[name] for name in statistics.drawn},
        each={name: (alike if name in pooled else statistics).each[name] for name in statistics.each},
    )


def _of_one_size(totals: np.ndarray, category: int, scores: Sequence[str]) -> np.ndarray:
    """Factors that make the magnitudes of each score sum to 1: of totals `[episode, category, kind, target, group]`."""
    sizes = totals[:, category, 1::2].sum(axis=(0, 3))  # [kind, target], kinds of magnitudes only
    scale = np.ones_like(sizes)
    for score in set(scores):
        targets = [index for index, other in enumerate(scores) if other == score]
        total = sizes[:, targets].sum(axis=1, keepdims=True)
        scale[:, targets] = np.divide(1, total, out=np.ones_like(total), where=total > 0)
    return np.repeat(scale, 2, axis=0)[..., None]
