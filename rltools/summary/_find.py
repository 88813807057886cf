"""Finds what one summary says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from operator import itemgetter

from rltools.attributions import is_control
from rltools.stats import Interval, standing
from rltools.summary._data import DECISION, SummaryData, leaders, ranked_at, ranked_features
from rltools.summary._estimates import scores_of
from rltools.summary._find_levels import find_decision, find_levels, finding_of
from rltools.summary.caveats import Caveat
from rltools.summary.finding import NAMED, Finding, number_of

FEWEST_STEPS = 10
"""The fewest steps of an action for a finding about it."""
MOST_APART = 6
"""The most targets of one pass that are named individually."""


def find(summary: SummaryData) -> tuple[Finding | Caveat, ...]:
    """Findings and caveats of a summary, the most important first."""
    if summary.n == 0:
        return (finding_of(summary)("no_steps", total=summary.episodes),)
    if is_control(summary.unit):
        return (*_control(summary), *_mean_return(summary), *summary.caveats)
    return (
        *(find_decision(summary) if summary.target == DECISION else find_levels(summary)),
        *_targets_apart(summary),
        *_by_action(summary),
        *_mean_return(summary),
        *_careful(summary),
        *summary.caveats,
    )


def _control(summary: SummaryData) -> tuple[Finding, ...]:
    finding = finding_of(summary)
    ranked = tuple(ranked for ranked in summary.top(NAMED) if ranked.share > 0)
    return finding("control", subjects=ranked), finding("control_is_no_finding")


def _targets_apart(summary: SummaryData) -> Iterator[Finding]:
    """The leading features of each target, if several targets have different scores."""
    scores = tuple(dict.fromkeys(scores_of(summary.labels)))
    if len(scores) < 2 or len(summary.labels) > MOST_APART or len(summary.features) < 2:
        return
    statistics = summary.overall
    name = "share" if statistics.standardized_share is None else "standardized_share"
    shares, drawn, parts = statistics.standardized_share or statistics.share, statistics.drawn[name], []
    for index, label in enumerate(summary.labels):
        of_target = Interval(*(part[index] for part in (shares.value, shares.low, shares.high)))
        order = standing(drawn.map(itemgetter((..., index, slice(None)))), summary.level)
        first = (ranked_at(summary.features, of_target, int(position)) for position in order.order[: order.leaders])
        tied = [ranked for ranked in first if ranked.share > 0]
        if tied:
            subjects = tuple(tied[:NAMED])
            parts.append(Finding("lead", subjects, len(tied), method=summary.method, target=label))
    yield finding_of(summary)("targets_apart", parts=tuple(parts), context=scores)


def _by_action(summary: SummaryData) -> Iterator[Finding]:
    first = ranked_features(summary)[0]
    for action, statistics in summary.by_action.items():
        if statistics.episodes < 2 or statistics.n < FEWEST_STEPS:
            continue
        tied = leaders(summary, action)
        if tied and tied[0].feature != first.feature:
            yield finding_of(summary)(
                "by_action", subjects=tied[:NAMED], leaders=len(tied), action=action, n=statistics.n
            )


def _mean_return(summary: SummaryData) -> Iterator[Finding]:
    returns = summary.returns
    if returns.n:
        mean = replace(number_of("return", returns.mean, returns.low, returns.high), each=returns.each)
        yield Finding("mean_return", (mean,), n=returns.n, level=summary.level)


def _careful(summary: SummaryData) -> Iterator[Finding]:
    finding, residuals = finding_of(summary), summary.residuals
    if summary.non_finite:
        yield finding("non_finite", n=summary.non_finite, total=summary.n_steps)
    if summary.all_zero > 0 and Caveat("constant") not in summary.caveats:
        yield finding("all_zero", subjects=(number_of("steps", summary.all_zero),), n=summary.n)
    if residuals is not None and residuals.over:
        largest = number_of("residual", residuals.largest)
        yield finding("residual", subjects=(largest,), n=residuals.over, total=summary.n)
