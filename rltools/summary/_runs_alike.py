"""Finds whether the runs of an experiment use the same features: the answer to the question of most experiments."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from rltools._util.limits import check_level
from rltools.stats import Jackknife, episode_ranks, rank_agreement
from rltools.summary._data import Ranked, SummaryData, leaders
from rltools.summary.finding import NAMED, Finding, count_named, number_of

SAME = 0.9
"""A rank agreement from which runs are alike."""
SIMILAR = 0.5
"""One from which they mostly or partly are."""


def find_runs_alike(labels: Sequence[str], summaries: Sequence[SummaryData]) -> Finding | None:
    """Whether runs use the same features: which come first, how alike the orders are, and where shares differ.

    Runs are alike if the same feature certainly leads all of them and the smallest rank agreement of two of them is at
    least 0.9; mostly alike if that is at least 0.5; partly if only one of both holds; else they are not.

    Args:
        labels: the name of each run.
        summaries: of the same method and target in each run.

    Returns:
        A finding of kind "runs_alike": `part` is the verdict, "alike", "mostly", "partly" or "apart"; `subjects` are
        the features that lead in all runs, in order, if they do; `parts` are the first features of each run, and the
        features whose shares certainly differ, the largest difference first, with a subject for each run. None for
        fewer than two runs, or runs whose features differ.
    """
    if len(summaries) < 2 or len({summary.features for summary in summaries}) > 1 or not all(s.n for s in summaries):
        return None
    first = [leaders(summary) for summary in summaries]
    names = {each[0].feature for each in first if len(each) == 1}
    same_first = len(names) == 1 and all(len(each) == 1 for each in first)
    agreements = [_agreement(*pair) for pair in combinations(summaries, 2)]
    correlations = [value for value in agreements if not math.isnan(value)]
    smallest = min(correlations, default=math.nan)
    if same_first:
        verdict = "alike" if smallest >= SAME else "mostly" if smallest >= SIMILAR else "partly"
    else:
        verdict = "partly" if smallest >= SIMILAR else "apart"
    example = summaries[0]
    return Finding(
        "runs_alike",
        _common(summaries) if same_first else (),
        method=example.method,
        target=example.target,
        standardized=example.std is not None,
        context=tuple(labels),
        part=verdict,
        n=len(summaries),
        total=len(example.features),
        baseline=number_of("rank correlation", smallest, smallest, max(correlations, default=math.nan)),
        level=example.level,
        parts=(
            *(
                Finding("runs_alike", each[: count_named(len(each))], leaders=len(each), agent=label, part="first")
                for label, each in zip(labels, first, strict=True)
            ),
            *differing_features(summaries),
        ),
    )


def _common(summaries: Sequence[SummaryData]) -> tuple[Ranked, ...]:
    """The features that come first in all runs, in the order that all of them share."""
    ranked = [summary.top(NAMED) for summary in summaries]
    common = []
    for place in zip(*ranked, strict=False):
        if len({each.feature for each in place}) > 1:
            break
        common.append(place[0])
    return tuple(common)


def differing_features(summaries: Sequence[SummaryData], *, level: float | None = None) -> tuple[Finding, ...]:
    """The features whose shares certainly differ between any two runs, the largest difference first.

    The interval of a difference of shares takes both runs as independent. Its level is raised so that it holds for all
    features and pairs of runs together (Bonferroni).

    Args:
        summaries: of the same features in each run.
        level: for all of them together; None for that of the summaries.
    """
    level = summaries[0].level if level is None else level
    check_level(level)
    pairs = list(combinations(range(len(summaries)), 2))
    features = summaries[0].features
    strict = 1 - (1 - level) / (len(pairs) * max(1, len(features)))
    certain, sizes = np.zeros(len(features), bool), np.zeros(len(features))
    for first, second in pairs:
        difference = _difference(summaries[first].overall.drawn_importance, summaries[second].overall.drawn_importance)
        ends = difference.interval(strict)
        certain |= (ends.low > 0) | (ends.high < 0)
        sizes = np.maximum(sizes, np.nan_to_num(np.abs(difference.value)))
    order = [int(position) for position in np.argsort(-sizes, kind="stable") if certain[position]]
    by_run = [{ranked.position: ranked for ranked in summary.top()} for summary in summaries]
    return tuple(
        Finding("runs_alike", tuple(ranked[position] for ranked in by_run), part="differs") for position in order
    )


def _difference(first: Jackknife, second: Jackknife) -> Jackknife:
    """The difference of two numbers that rest on different episodes and draws."""
    return Jackknife(
        first.value - second.value,
        (*(part - second.value for part in first.without), *(first.value - part for part in second.without)),
    )


def _agreement(first: SummaryData, second: SummaryData) -> float:
    ranks = (episode_ranks(each.magnitudes) for each in (first, second))
    agreeing = rank_agreement(*ranks, paired=False)
    return math.nan if agreeing is None else float(agreeing.value)


def find_needs_alike(leads: Mapping[str, Finding]) -> Finding | None:
    """Whether measured runs need the same feature most, from what each loses most without.

    Args:
        leads: the finding of `find_loss_lead` of each run, by its label.

    Returns:
        A finding of kind "needs_alike" whose `parts` are the leads with their runs; `part` is "same" if one feature
        certainly leads in all of them, "other" if two lead for certain and differ, else "open". None for fewer runs.
    """
    if len(leads) < 2:
        return None
    certain = [lead for lead in leads.values() if lead.kind == "loss_lead" and not lead.doubt]
    names = {lead.subjects[0].feature for lead in certain}
    part = "other" if len(names) > 1 else "same" if len(certain) == len(leads) else "open"
    return Finding(
        "needs_alike",
        part=part,
        n=len(leads),
        parts=tuple(replace(lead, agent=label) for label, lead in leads.items()),
    )
