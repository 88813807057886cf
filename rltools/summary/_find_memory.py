"""Finds how much of what moves the score of a recurrent policy is what it saw before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rltools.recording import Recording
from rltools.summary._data import SummaryData
from rltools.summary._lags import lag_shares
from rltools.summary.caveats import Caveat
from rltools.summary.finding import Finding, number_of

HALF = 0.5


def with_memory(memory: Sequence[Finding], findings: Sequence[Finding | Caveat]) -> tuple[Finding | Caveat, ...]:
    """Findings with what a recurrent policy remembers: first, if it certainly carries more or less than half.

    The first of the other findings is then about the moment itself.

    Args:
        memory: what `find_memory` finds.
        findings: the others, of the observation of the moment.
    """
    if not memory:
        return tuple(findings)
    if not findings or not any(map(_is_certain, memory)):
        return (*findings[:1], *memory, *findings[1:])
    first, *others = findings
    first = replace(first, moment=True) if isinstance(first, Finding) else first
    return (*memory, first, *others)


def _is_certain(memory: Finding) -> bool:
    """Whether the past certainly carries more, or less, than half."""
    return memory.subjects[0].low > HALF or memory.subjects[0].high < HALF


def find_memory(recording: Recording, summaries: Sequence[SummaryData]) -> Iterator[Finding]:
    """The share of past observations, for attributions over a window of observations.

    Args:
        recording: the recording of the summaries.
        summaries: of its attributions; those over no window are passed over.
    """
    for summary in summaries:
        window = recording.spec(summary.key).window
        if not window or not summary.n:
            continue
        lags = lag_shares(recording, summary.key, level=summary.level)
        now = lags.lags.index(0)
        value, low, high = (1 - float(end[now]) for end in (lags.of_lag.value, lags.of_lag.high, lags.of_lag.low))
        past = number_of("the past", value, low, high)
        yield Finding("memory", (past,), method=summary.method, target=summary.target, n=window, level=summary.level)
