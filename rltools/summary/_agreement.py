"""Measures how well methods, or agents, agree on the ranking of features."""

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
from rltools.recording import AttributionSpec, Recording, warn_about_shared_episodes
from rltools.stats import EpisodeRanks, Interval, episode_ranks, rank_agreement
from rltools.summary._magnitudes import magnitudes

RANDOM = "random"
"""The control of a single random map."""


@dataclass(frozen=True)
class Ranking:
    """How one method ranks the features of one agent, episode by episode.

    Attributes:
        agent: the label of its recording.
        method: the method of the attribution.
        settings: parameters in which it differs from others of the same method, as text; "" if there are none.
        unit: the unit of the attribution.
        features: the ranked features.
        ranks: the ranks of the features in each episode, by magnitude.
        key: the folder name of the attribution.
    """

    agent: str
    method: str
    settings: str
    unit: str
    features: tuple[str, ...]
    ranks: EpisodeRanks
    key: str

    __repr__ = short_repr

    @property
    def control(self) -> bool:
        """Whether the method is a control, which knows nothing about the agent."""
        return is_control(self.unit)


@dataclass(frozen=True)
class Agreement:
    """Rankings, controls last, and how well each pair of them agrees.

    Attributes:
        rankings: the rankings of each agent and method.
        target: the target as text.
        correlation: `[ranking, ranking]`, the mean over episodes of Spearman's rank correlation, with its interval;
            NaN if nothing can be compared.
        episodes: the number of episodes in the recording with the fewest.
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
    """Rank correlation of the mean magnitudes of the features, between all methods and agents.

    Two methods are compared episode by episode; two agents by every episode of one with every episode of the other.

    Args:
        recordings: the recordings by their labels.
        methods: None for all methods recorded for the target; for several agents the first agent's default method.
        target: the target as text; None for the one that most methods explained.
        level: the level of the intervals, over episodes and draws.

    Raises:
        RecordingError: no attribution fits.
    """
    warn_about_shared_episodes(recordings)
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
    for first_index, second_index in combinations(range(len(rankings)), 2):
        correlation = _correlation(rankings[first_index], rankings[second_index], level)
        parts[:, first_index, second_index] = parts[:, second_index, first_index] = correlation
    episodes = min(len(ranking.ranks.ranks) for ranking in rankings)
    return Agreement(tuple(rankings), main.target, Interval(*parts), episodes)


def without_random(result: Agreement) -> Agreement:
    """The agreement without the control `random`, unless hardly anything else is there."""
    others = np.array([ranking.method != RANDOM for ranking in result.rankings])
    if others.all() or others.sum() < 2:
        return result
    rankings = tuple(ranking for ranking, other in zip(result.rankings, others, strict=True) if other)
    cells = np.ix_(others, others)
    correlation = result.correlation
    return replace(
        result,
        rankings=rankings,
        correlation=Interval(correlation.value[cells], correlation.low[cells], correlation.high[cells]),
    )


def _most_explained(recording: Recording) -> str:
    """The target that most methods explained; among several, the target of the default attribution."""
    specs = [spec for spec in recording.specs.values() if not spec.window]
    counts = Counter(target for target, _ in {(spec.target, spec.method) for spec in specs})
    first = recording.spec(recording.find()).target
    return max(counts, key=lambda target: (counts[target], target == first), default="")


def _rankings(agent: str, recording: Recording, methods: Sequence[str] | None, target: str) -> list[Ranking]:
    specs = {
        key: spec
        for key, spec in recording.specs.items()
        if spec.target == target and not spec.window and recording.is_complete(key)
    }
    if methods is not None:
        specs = {key: specs[key] for method in methods for key in specs if method in (key, specs[key].method)}
    names = {*specs, *(spec.method for spec in specs.values())}
    missing = [method for method in methods or () if method not in names]
    if missing or not specs:
        absent = " and no ".join(missing) or "attribution"
        raise RecordingError(
            f"no {absent} of {target} of every episode in {recording.directory}; add it with rltools.explain(...)"
        )
    return [_ranking(agent, recording, key, _settings(spec, [*specs.values()])) for key, spec in specs.items()]


def _ranking(agent: str, recording: Recording, key: str, settings: str) -> Ranking:
    spec, groups = recording.spec(key), recording.rows(key)
    sizes = magnitudes(recording, key, groups)
    ranks = episode_ranks(sizes.sizes, sizes.without, str(spec.parameters.get("reference", "")))
    return Ranking(agent, spec.method, settings, spec.unit, tuple(name for name, _ in groups), ranks, key)


def _settings(spec: AttributionSpec, specs: Sequence[AttributionSpec]) -> str:
    """The parameters in which attributions of the same method differ."""
    same = [other.parameters for other in specs if other.method == spec.method]

    def differs(name: str, value: Any) -> bool:
        return any(parameters.get(name) != value for parameters in same)

    return ", ".join(f"{name} {value}" for name, value in spec.parameters.items() if differs(name, value))


def _correlation(first: Ranking, second: Ranking, level: float) -> tuple[float, float, float]:
    agreeing = None
    if first.features == second.features:
        agreeing = rank_agreement(first.ranks, second.ranks, paired=first.agent == second.agent)
    if agreeing is None:
        return np.nan, np.nan, np.nan
    ends = agreeing.reported(level)
    return float(ends.value), float(np.maximum(ends.low, -1)), float(np.minimum(ends.high, 1))
