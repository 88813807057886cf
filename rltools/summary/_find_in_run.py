"""Finds what the summaries of a run say together: which features matter, when, and how certain that is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from rltools.recording import Recording
from rltools.summary._agreement import agreement
from rltools.summary._data import DECISION, Ranked, SummaryData, leaders, ranked_at
from rltools.summary._estimates import scores_of
from rltools.summary._find import find, find_decision
from rltools.summary._lags import lag_shares
from rltools.summary._sums import magnitudes
from rltools.summary._when import When, when
from rltools.summary.finding import Finding, FindingKind, number_of

TIMED = 3
"""The most features for which findings say when in an episode they matter."""


def find_in_run(recording: Recording, main: SummaryData, summaries: Sequence[SummaryData]) -> tuple[Finding, ...]:
    """The findings of a run, the most important first; `run_caveats` has its caveats.

    The first finding heads a page. A finding of kind "lead_time" says when it holds; each "next" belongs to the finding
    before it.

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
    return (
        others[0],
        *([] if first is None else [_time("lead_time", first)]),
        *others[1:],
        *_arrays(recording, main),
        *(_time("time", part) for part in timed.values()),
        *_memory(recording, summaries),
        *_decision(main, summaries),
        *_agreement(recording, main),
        *by_action,
    )


def _time(kind: FindingKind, part: When) -> Finding:
    share = Ranked(part.feature, -1, part.share, part.low, part.high)
    return Finding(kind, (share,), part=part.part, even=0.0 if part.is_third else part.even)


def _arrays(recording: Recording, main: SummaryData) -> Iterator[Finding]:
    shares = part_shares(recording, main)
    if shares:
        yield Finding("arrays", shares, method=main.method, target=main.target, level=main.level)


def part_shares(recording: Recording, summary: SummaryData) -> tuple[Ranked, ...]:
    """The share of each array of a Dict or Tuple observation, the largest first; empty if there is only one array.

    It is the sum of the shares of its features, with an interval of its own, because intervals of features do not add
    up.

    Args:
        recording: the recording of the summary.
        summary: the summary of one of its attributions, of targets of one score: others have no common unit.
    """
    parts = recording.features_of(summary.key).parts
    if len(parts) < 2 or len(set(scores_of(summary.labels))) > 1:
        return ()
    groups = recording.spec(summary.key).rows(recording.features_of(summary.key))
    part_of = np.array(
        [
            next(index for index, part in enumerate(parts) if part.start <= elements[0] < part.stop)
            for _, elements in groups
        ]
    )
    sizes = magnitudes(recording, summary.key).mattering()
    if len(sizes.sizes) == 0:
        return ()

    def shares(totals: np.ndarray) -> dict[str, np.ndarray]:
        by_part = np.stack([totals[:, part_of == index].sum(axis=1) for index in range(len(parts))], axis=1)
        return {"": by_part / by_part.sum(axis=1, keepdims=True)}

    share = sizes.drawn(shares)[""].reported(summary.level, "share")
    names = [part.leaf.name for part in parts]
    return tuple(ranked_at(names, share, int(index)) for index in np.argsort(-share.value, kind="stable"))


def _memory(recording: Recording, summaries: Sequence[SummaryData]) -> Iterator[Finding]:
    """The share of past observations, for attributions over a window of observations."""
    for summary in summaries:
        window = recording.spec(summary.key).window
        if not window or not summary.n:
            continue
        lags = lag_shares(recording, summary.key, level=summary.level)
        now = lags.lags.index(0)
        value, low, high = (1 - float(end[now]) for end in (lags.of_lag.value, lags.of_lag.high, lags.of_lag.low))
        past = number_of("the past", value, low, high)
        yield Finding("memory", (past,), method=summary.method, target=summary.target, n=window, level=summary.level)


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
                n=len(ranking.features),
                total=compared.episodes,
                level=main.level,
            )
