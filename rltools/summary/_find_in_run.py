"""Finds what the summaries of a run say together: which features matter, when, and how certain that is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rltools.recording import Recording
from rltools.summary._agreement import agreement
from rltools.summary._data import DECISION, Ranked, SummaryData, leaders
from rltools.summary._find import find
from rltools.summary._find_levels import find_decision
from rltools.summary._find_memory import find_memory, with_memory
from rltools.summary._when import When, when
from rltools.summary.finding import Finding, FindingKind, number_of

TIMED = 3
"""The most features for which findings say when in an episode they matter."""


def find_in_run(recording: Recording, main: SummaryData, summaries: Sequence[SummaryData]) -> tuple[Finding, ...]:
    """The findings of a run, the most important first; `run_caveats` has its caveats.

    The first finding heads a page: for a recurrent policy memory against the moment, where that is certain. A finding
    of kind "lead_time" says when it holds; each "next" belongs to the finding before it.

    Args:
        recording: the recording of the summaries.
        main: the summary that heads the findings.
        summaries: the summaries of all attributions, windows too.
    """
    findings = [finding for finding in find(main) if isinstance(finding, Finding)]
    if main.n == 0:
        return tuple(findings)
    by_action = [finding for finding in findings if finding.kind == "by_action"]
    others = [finding for finding in findings if finding.kind != "by_action"]
    names = [ranked.feature for ranked in main.top(TIMED) if ranked.share > 0]
    timed = {part.feature: part for part in when(recording, main, names)}
    tied = leaders(main)
    first = timed.pop(tied[0].feature, None) if len(tied) == 1 else None
    memory = tuple(find_memory(recording, summaries))
    head = [finding for finding in with_memory(memory, others[:1]) if isinstance(finding, Finding)]
    return (
        *head,
        *([] if first is None else [_time("lead_time", first)]),
        *others[1:],
        *(_time("time", part) for part in timed.values()),
        *_decision(main, summaries),
        *_agreement(recording, main),
        *by_action,
    )


def _time(kind: FindingKind, part: When) -> Finding:
    share = Ranked(part.feature, -1, part.share, part.low, part.high)
    return Finding(kind, (share,), part=part.part, even=0.0 if part.is_third else part.even)


def _decision(main: SummaryData, summaries: Sequence[SummaryData]) -> tuple[Finding, ...]:
    """What changes the decision, the best predictor of the loss without a feature, unless the main findings say it."""
    decisions = (summary for summary in summaries if summary.target == DECISION and main.target != DECISION)
    return next((find_decision(summary) for summary in decisions), ())


def _agreement(recording: Recording, main: SummaryData) -> Iterator[Finding]:
    """How well other methods' rankings of the features agree with the main one."""
    compared = agreement({"": recording}, None, main.target, level=main.level)
    methods = [ranking.method for ranking in compared.rankings]
    if main.method not in methods:
        return
    first = methods.index(main.method)
    for index, ranking in enumerate(compared.rankings):
        if ranking.control or ranking.method == main.method:
            continue
        ends = compared.correlation
        value, low, high = (float(end[first, index]) for end in (ends.value, ends.low, ends.high))
        if not math.isnan(value):
            correlation = number_of("rank correlation", value, low, high)
            yield Finding(
                "agreement",
                (correlation,),
                method=ranking.method,
                target=main.target,
                context=(main.method,),
                n=len(ranking.features),
                total=compared.episodes,
                level=main.level,
            )
