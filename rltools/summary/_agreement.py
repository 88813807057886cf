"""How well the rankings of features agree: of several methods, or of several agents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.attributions import is_control
from rltools.errors import RecordingError
from rltools.recording import AttributionSpec, Recording, warn_of_shared_episodes
from rltools.stats import Interval, Jackknife, normalized_ranks
from rltools.summary._sums import magnitudes

FEWEST_RANKED = 3
"""Two features have only two orders: their ranks agree by chance half the time."""


@dataclass(frozen=True)
class Ranking:
    """How one method ranks the features of one agent, episode by episode.

    Attributes:
        agent: the label of its recording.
        method: of the attribution.
        settings: parameters that tell it from others of the same method, in words; "" where nothing must.
        unit: of the attribution.
        features: what is ranked.
        scores: float `[episode, feature]`, normalized ranks: the product of two rows is Spearman's correlation; NaN
            where every feature matters as much as the others.
        key: the folder name of the attribution.
        without: float `[block, episode, feature]`, the same without each block of what was drawn for all steps
            together; None where nothing was, or it was not kept.
        references: what tells the states that it compares with from others; "" where there are none.
    """

    agent: str
    method: str
    settings: str
    unit: str
    features: tuple[str, ...]
    scores: np.ndarray
    key: str
    without: np.ndarray | None = None
    references: str = ""

    __repr__ = short_repr

    @property
    def control(self) -> bool:
        """Whether it looks at nothing that the policy does."""
        return is_control(self.unit)


@dataclass(frozen=True)
class Agreement:
    """Rankings, controls last, and how well each two of them agree.

    Attributes:
        rankings: of each agent and method.
        target: as text.
        correlation: `[ranking, ranking]`, the mean over episodes of Spearman's rank correlation, with its interval;
            NaN where nothing can be compared.
        episodes: of the recording with the fewest.
    """

    rankings: tuple[Ranking, ...]
    target: str
    correlation: Interval
    episodes: int

    __repr__ = short_repr


def agreement(
    recordings: Mapping[str, Recording],
    methods: Sequence[str] | None,
    target: str | None,
    *,
    level: float = 0.95,
) -> Agreement:
    """Rank correlation of the features' mean magnitudes, between all methods and agents.

    Two methods are compared episode by episode; two agents by every episode of one with every episode of the other.

    Args:
        recordings: by their label.
        methods: None for all that were recorded of the target, of several agents for the one that speaks first.
        target: as text; None for the one that most methods explained.
        level: of the intervals, over the episodes and what was drawn for all of their steps.

    Raises:
        RecordingError: nothing that fits was explained.
    """
    warn_of_shared_episodes(recordings)
    first = next(iter(recordings.values()))
    key = first.find(methods[0] if methods else None, target)
    if target is None and methods is None and len(recordings) == 1:
        key = first.find(None, _most_explained(first) or None)
    main = first.spec(key)
    wanted = methods or (None if len(recordings) == 1 else [main.method])
    rankings = [
        ranking
        for label, recording in recordings.items()
        for ranking in _rankings(label, recording, wanted, main.target)
    ]
    rankings.sort(key=lambda ranking: ranking.control)
    parts = np.full((3, len(rankings), len(rankings)), np.nan)
    for one, other in combinations(range(len(rankings)), 2):
        found = _correlation(rankings[one], rankings[other], level)
        parts[:, one, other] = parts[:, other, one] = found
    return Agreement(tuple(rankings), main.target, Interval(*parts), min(len(one.scores) for one in rankings))


def _most_explained(recording: Recording) -> str:
    """The target that most methods explained, of equals the one of the attribution that speaks first."""
    asked = [spec for spec in recording.specs.values() if not spec.window]
    counts = Counter(target for target, _ in {(spec.target, spec.method) for spec in asked})
    first = recording.spec(recording.find()).target
    return max(counts, key=lambda target: (counts[target], target == first), default="")


def _rankings(agent: str, recording: Recording, methods: Sequence[str] | None, target: str) -> list[Ranking]:
    asked = {
        key: spec
        for key, spec in recording.specs.items()
        if spec.target == target and not spec.window and recording.complete(key)
    }
    if methods is not None:
        asked = {key: asked[key] for method in methods for key in asked if method in (key, asked[key].method)}
    there = {*asked, *(spec.method for spec in asked.values())}
    missing = [method for method in methods or () if method not in there]
    if missing or not asked:
        wanted = " and no ".join(missing) or "attribution"
        raise RecordingError(
            f"no {wanted} of {target} of every episode in {recording.directory}; add it with rltools.explain(...)"
        )
    finest = _in_common([*asked.values()])
    return [_ranking(agent, recording, key, _settings(spec, [*asked.values()]), finest) for key, spec in asked.items()]


def _in_common(asked: Sequence[AttributionSpec]) -> tuple[str, ...]:
    """The axes of an image along which all of these tell entries apart; () for all axes."""
    axes: tuple[str, ...] = ()
    for separated in (spec.separated for spec in asked):
        axes = tuple(axis for axis in axes if axis in separated) if axes and separated else axes or separated
    return axes


def _ranking(agent: str, recording: Recording, key: str, settings: str, separated: tuple[str, ...]) -> Ranking:
    spec = replace(recording.spec(key), separated=separated)
    groups = spec.rows(recording.features_of(key))
    found = magnitudes(recording, key, groups)
    return Ranking(
        agent,
        spec.method,
        settings,
        spec.unit,
        tuple(name for name, _ in groups),
        normalized_ranks(found.sizes),
        key,
        None if found.without is None else normalized_ranks(found.without),
        str(spec.parameters.get("reference", "")),
    )


def _settings(spec: AttributionSpec, there: Sequence[AttributionSpec]) -> str:
    """The parameters in which attributions of the same method differ."""
    same = [other.parameters for other in there if other.method == spec.method]

    def differs(name: str, value: Any) -> bool:
        return any(parameters.get(name) != value for parameters in same)

    return ", ".join(f"{name} {value}" for name, value in spec.parameters.items() if differs(name, value))


def _correlation(one: Ranking, other: Ranking, level: float) -> tuple[float, float, float]:
    if one.features != other.features or len(one.features) < FEWEST_RANKED:
        return np.nan, np.nan, np.nan
    found = _by_episode(one, other) if one.agent == other.agent else _of_all_pairs(one, other)
    if found is None:
        return np.nan, np.nan, np.nan
    ends = found.interval(level)
    return float(ends.value), float(np.maximum(ends.low, -1)), float(np.minimum(ends.high, 1))


def _by_episode(one: Ranking, other: Ranking) -> Jackknife | None:
    """The mean correlation of two methods over the episodes of one agent; None where no episode has an order."""
    used = np.isfinite(one.scores).all(axis=1) & np.isfinite(other.scores).all(axis=1)
    if not used.any():
        return None

    def correlations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Of each episode, `[..., episode]`; one that has no order without a block adds what it adds with it."""
        product = (first * second).sum(axis=-1)
        whole = (one.scores * other.scores).sum(axis=-1)
        known: np.ndarray = np.where(np.isfinite(product), product, whole)[..., used]
        return known

    sources = [_without_each(correlations(one.scores, other.scores))]
    first, second = one.without, other.without
    paired = one.references == other.references
    if first is not None and second is not None and paired and len(first) == len(second):
        sources.append(correlations(first, second).mean(axis=-1))
    else:
        if first is not None:
            sources.append(correlations(first, other.scores).mean(axis=-1))
        if second is not None:
            sources.append(correlations(one.scores, second).mean(axis=-1))
    return Jackknife(np.mean(correlations(one.scores, other.scores)), tuple(sources))


def _of_all_pairs(one: Ranking, other: Ranking) -> Jackknife | None:
    """The mean correlation of each episode of one with each of the other: the product of their mean ranks."""
    first, second = (ranking.scores[np.isfinite(ranking.scores).all(axis=1)] for ranking in (one, other))
    if not len(first) or not len(second):
        return None
    sources = [_without_each(first) @ second.mean(axis=0), _without_each(second) @ first.mean(axis=0)]
    for ranking, beside in ((one, second), (other, first)):
        if ranking.without is not None:
            kept = np.where(np.isfinite(ranking.without), ranking.without, ranking.scores)
            sources.append(np.nanmean(kept, axis=1) @ beside.mean(axis=0))
    return Jackknife(np.asarray(first.mean(axis=0) @ second.mean(axis=0)), tuple(sources))


def _without_each(values: np.ndarray) -> np.ndarray:
    """The mean of `values [episode, ...]` without each episode; of a single one nothing is left."""
    count = len(values)
    if count < 2:
        return np.zeros((0, *values.shape[1:]))
    means: np.ndarray = (values.sum(axis=0) - values) / (count - 1)
    return means
