"""Finds the coarsest level at which a ranking is certain, and what is inside the variables."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np

from rltools.stats import Jackknife, standing
from rltools.summary._data import DECISION, Ranked, SummaryData, is_continuous, leaders, ranked_at, ranked_features
from rltools.summary.finding import NAMED, Doubt, Finding, FindingKind, number_of

OPENED = 2
"""The most variables whose inside is ranked in findings."""


def find_decision(summary: SummaryData) -> tuple[Finding, ...]:
    """Findings on what changes the decision most, from a summary of the target `decision`."""
    if summary.n == 0:
        return ()
    return _ranking(summary, tuple(change for change in ranked_features(summary)[:NAMED] if change.share > 0))


def find_levels(summary: SummaryData) -> tuple[Finding, ...]:
    """Findings on what moves the score: first at the coarsest level at which the first is certain, then inside it.

    Where no level has a certain first, the variables lead. With a single variable there is nothing to rank.
    """
    if len(summary.features) == 1:
        return (_single(summary), *_objects(summary))
    regions = next((inner for inner in summary.inside if inner.detail == "regions"), None)
    variables = _ranking(summary, _top(summary))
    tied = len(leaders(summary)) != 1
    if regions is not None and tied and len(leaders(regions)) == 1:
        return (*_ranking(regions, _top(regions)), *variables[:1], *_objects(summary))
    inside = () if regions is None else _inside(summary, regions)
    return (*variables, *inside, *_objects(summary))


def finding_of(summary: SummaryData) -> partial[Finding]:
    """A finding of a summary, without its kind and content."""
    return partial(
        Finding,
        method=summary.method,
        target=summary.target,
        context=tuple(filter(None, (summary.effect, summary.apart))),
        standardized=summary.std is not None,
        continuous=summary.target == DECISION and is_continuous(summary),
        unseen=bool(summary.unseen),
        level=summary.level,
        noun=summary.noun,
    )


def _top(summary: SummaryData) -> tuple[Ranked, ...]:
    return tuple(ranked for ranked in summary.top(NAMED) if not math.isnan(ranked.share))


def _ranking(summary: SummaryData, ranked: tuple[Ranked, ...]) -> tuple[Finding, ...]:
    """Findings on the first variable and on the next ones."""
    finding = finding_of(summary)
    if not ranked:
        return (finding("nothing_matters"),)
    tied = leaders(summary)
    count = min(len(tied), NAMED) if len(tied) > 1 else 1
    first = finding(
        "lead",
        subjects=ranked[:count],
        leaders=max(1, len(tied)),
        doubt=_doubt(summary) if len(tied) > 1 else "",
        total=len(summary.labels),
    )
    return (first, finding("next", subjects=ranked[count:])) if ranked[count:] else (first,)


def _single(summary: SummaryData) -> Finding:
    """That there is nothing to rank, and the factors that the method does not tell apart."""
    if not summary.magnitudes.any():
        return finding_of(summary)("nothing_matters")
    only = summary.features[0]
    return finding_of(summary)("single", tuple(number_of(name, math.nan) for name in (only, *summary.factors)))


def _doubt(summary: SummaryData) -> Doubt:
    """Why no variable certainly leads."""
    if summary.overall.episodes < 2:
        return "one_episode"
    if math.isnan(summary.overall.importance.low[ranked_features(summary)[0].position]):
        return "no_interval"
    return "tied"


def _inside(summary: SummaryData, regions: SummaryData) -> Iterator[Finding]:
    """The ranking inside the variables that matter most and have an inside."""
    opened = 0
    for variable in summary.top():
        members = _members(regions, summary.elements[variable.position])
        if opened == OPENED or not variable.share > 0:
            return
        if len(members) > 1:
            opened += 1
            yield from _within(regions, members, "inside", variable.feature)


def _members(regions: SummaryData, elements: np.ndarray) -> list[int]:
    """The positions of the rows that lie inside a variable."""
    own = set(elements.tolist())
    return [index for index, part in enumerate(regions.elements) if own.issuperset(part.tolist())]


def _objects(summary: SummaryData) -> Iterator[Finding]:
    """The ranking by what is in the cells of an image, where a card names it."""
    for inner in summary.inside:
        if inner.detail == "objects":
            members = [index for index, feature in enumerate(inner.features) if feature not in summary.features]
            yield from _within(inner, members, "objects", "")


def _within(summary: SummaryData, members: list[int], kind: FindingKind, variable: str) -> Iterator[Finding]:
    """The ranking of some rows by their shares among themselves."""
    shares = summary.overall.drawn_importance.map(lambda numbers: _among(numbers[..., members]))
    ranked = _ranked(summary, shares, members)
    if not ranked:
        return
    order = standing(shares, summary.level)
    tied = 1 if summary.overall.episodes > 1 and order.certain else max(2, min(order.leaders, len(ranked)))
    if len(ranked) == 1:
        tied = 1
    nouns = {summary.nouns[index] for index in members}
    yield finding_of(summary)(
        kind,
        subjects=ranked[:NAMED],
        leaders=tied,
        doubt=_doubt(summary) if tied > 1 else "",
        part=variable,
        total=len(members),
        noun=nouns.pop() if len(nouns) == 1 else "feature",
    )


def _among(numbers: np.ndarray) -> np.ndarray:
    """Shares of the last axis."""
    whole = numbers.sum(axis=-1, keepdims=True)
    shares: np.ndarray = np.divide(numbers, whole, out=np.full(numbers.shape, np.nan), where=whole > 0)
    return shares


def _ranked(summary: SummaryData, shares: Jackknife, members: list[int]) -> tuple[Ranked, ...]:
    interval = shares.interval(summary.level, "share")
    names = [summary.features[index] for index in members]
    order = np.argsort(-np.nan_to_num(interval.value), kind="stable")
    every = (ranked_at(names, interval, int(index)) for index in order)
    return tuple(each for each in every if each.share > 0)
