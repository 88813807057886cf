"""How well the rankings of features agree: of several methods, or of several agents."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import sqrt
from typing import Any

import numpy as np

from rltools.errors import RecordingError
from rltools.recording import Question, Recording, warn_of_shared_episodes
from rltools.short_repr import short_repr
from rltools.summary._estimates import Bootstrap, Interval
from rltools.summary._sums import magnitudes

FEWEST_RANKED = 3
"""Two features have only two orders: their ranks agree by chance half the time."""


def chance(features: int) -> float:
    """The rank correlation that 95 % of unrelated orders of so many features stay below, about; 1 at most.

    Spearman's of unrelated orders has the standard deviation 1 / sqrt(n - 1) (Kendall & Stuart 1973).
    """
    return min(1.0, 1.96 / sqrt(features - 1)) if features > 1 else 1.0


@dataclass(frozen=True)
class Ranking:
    """How one method ranks the features of one agent, episode by episode.

    Attributes:
        agent: the label of its recording.
        method: of the attribution.
        settings: parameters that tell it from others of the same method, in words; "" where nothing must.
        unit: of the attribution.
        features: what is ranked.
        scores: float `[episode, feature]`, normalised ranks: the product of two rows is Spearman's correlation; NaN
            where every feature matters as much as the others.
        key: the folder name of the attribution.
    """

    agent: str
    method: str
    settings: str
    unit: str
    features: tuple[str, ...]
    scores: np.ndarray
    key: str

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


def is_control(unit: str) -> bool:
    """Whether an attribution in this unit is there to be compared with: only the order of its values means anything."""
    return unit == "rank"


def agreement(
    recordings: Mapping[str, Recording],
    methods: Sequence[str] | None,
    target: str | None,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Agreement:
    """Rank correlation of the features' mean magnitudes, between all methods and agents.

    Two methods are compared episode by episode; two agents by every episode of one with every episode of the other.

    Args:
        recordings: by their label.
        methods: None for all that were recorded of the target, of several agents for the one that speaks first.
        target: as text; None for the one that most methods explained.
        level: of the intervals.
        resamples: how often the episodes are drawn anew.
        seed: of the draws.

    Raises:
        RecordingError: nothing that fits was explained.
    """
    warn_of_shared_episodes(recordings)
    first = next(iter(recordings.values()))
    key = first.find(methods[0] if methods else None, target)
    if target is None and methods is None and len(recordings) == 1:
        key = first.find(None, _most_explained(first) or None)
    main = first.question(key)
    wanted = methods or (None if len(recordings) == 1 else [main.method])
    rankings = [
        ranking
        for label, recording in recordings.items()
        for ranking in _rankings(label, recording, wanted, main.target)
    ]
    rankings.sort(key=lambda ranking: ranking.control)
    bootstrap = Bootstrap(level, resamples, seed)
    parts = np.full((3, len(rankings), len(rankings)), np.nan)
    for one, other in combinations(range(len(rankings)), 2):
        found = _correlation(rankings[one], rankings[other], bootstrap)
        parts[:, one, other] = parts[:, other, one] = found
    return Agreement(tuple(rankings), main.target, Interval(*parts), min(len(one.scores) for one in rankings))


def _most_explained(recording: Recording) -> str:
    """The target that most methods explained, of equals the one of the attribution that speaks first."""
    asked = [question for question in recording.questions.values() if not question.window]
    counts = Counter(target for target, _ in {(question.target, question.method) for question in asked})
    first = recording.question(recording.find()).target
    return max(counts, key=lambda target: (counts[target], target == first), default="")


def _rankings(agent: str, recording: Recording, methods: Sequence[str] | None, target: str) -> list[Ranking]:
    asked = {
        key: question
        for key, question in recording.questions.items()
        if question.target == target and not question.window and recording.complete(key)
    }
    if methods is not None:
        asked = {key: asked[key] for method in methods for key in asked if method in (key, asked[key].method)}
    there = {*asked, *(question.method for question in asked.values())}
    missing = [method for method in methods or () if method not in there]
    if missing or not asked:
        wanted = " and no ".join(missing) or "attribution"
        raise RecordingError(
            f"no {wanted} of {target} of every episode in {recording.directory}; add it with rltools.explain(...)"
        )
    finest = _in_common([*asked.values()])
    return [
        _ranking(agent, recording, key, _settings(question, [*asked.values()]), finest)
        for key, question in asked.items()
    ]


def _in_common(asked: Sequence[Question]) -> tuple[str, ...]:
    """The axes of an image along which all of these tell entries apart; () for all axes."""
    axes: tuple[str, ...] = ()
    for separated in (question.separated for question in asked):
        axes = tuple(axis for axis in axes if axis in separated) if axes and separated else axes or separated
    return axes


def _ranking(agent: str, recording: Recording, key: str, settings: str, separated: tuple[str, ...]) -> Ranking:
    from scipy.stats import rankdata

    question = replace(recording.question(key), separated=separated)
    groups = question.rows(recording.features_of(key))
    size = magnitudes(recording, key, groups)
    ranks = rankdata(size, axis=1) if size.size else size
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    scores = np.divide(centred, length, out=np.full(centred.shape, np.nan), where=length > 0)
    names = tuple(name for name, _ in groups)
    return Ranking(agent, question.method, settings, question.unit, names, scores, key)


def _settings(question: Question, there: Sequence[Question]) -> str:
    """The parameters in which attributions of the same method differ."""
    same = [other.parameters for other in there if other.method == question.method]

    def differs(name: str, value: Any) -> bool:
        return any(parameters.get(name) != value for parameters in same)

    return ", ".join(f"{name} {value}" for name, value in question.parameters.items() if differs(name, value))


def _correlation(one: Ranking, other: Ranking, bootstrap: Bootstrap) -> tuple[float, float, float]:
    if one.features != other.features or len(one.features) < FEWEST_RANKED:
        return np.nan, np.nan, np.nan
    if one.agent != other.agent:
        return _of_all_pairs(one.scores, other.scores, bootstrap)
    each = (one.scores * other.scores).sum(axis=1)
    each = each[np.isfinite(each)]
    if len(each) == 0:
        return np.nan, np.nan, np.nan
    found = bootstrap.intervals(lambda weights: {"mean": weights @ each / len(each)}, len(each))["mean"]
    return float(found.value), float(found.low), float(found.high)


def _of_all_pairs(one: np.ndarray, other: np.ndarray, bootstrap: Bootstrap) -> tuple[float, float, float]:
    """The mean correlation of each episode of one with each of the other: the product of their mean ranks."""
    from scipy.stats import DegenerateDataWarning
    from scipy.stats import bootstrap as resampled

    first, second = (scores[np.isfinite(scores).all(axis=1)] for scores in (one, other))
    if not len(first) or not len(second):
        return np.nan, np.nan, np.nan

    def mean(drawn: np.ndarray, of_other: np.ndarray, axis: int = -1) -> np.ndarray:
        product: np.ndarray = (first[drawn].mean(axis=axis - 1) * second[of_other].mean(axis=axis - 1)).sum(axis=-1)
        return product

    places = np.arange(len(first)), np.arange(len(second))
    value = float(mean(*places))
    if min(len(first), len(second)) < 2:
        return value, np.nan, np.nan
    with warnings.catch_warnings():
        # Episodes whose orders are all the same have an interval of no width.
        warnings.simplefilter("ignore", DegenerateDataWarning)
        ends = resampled(
            places,
            mean,
            n_resamples=bootstrap.resamples,
            batch=200,
            confidence_level=bootstrap.level,
            method="percentile",
            rng=np.random.default_rng(bootstrap.seed),
        ).confidence_interval
    return value, float(ends.low), float(ends.high)
