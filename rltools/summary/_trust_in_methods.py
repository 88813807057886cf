"""How far methods agree if nothing was measured: on the first feature, and on the order of the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rltools.attributions import is_control
from rltools.stats import episode_ranks, rank_agreement
from rltools.summary._data import DECISION, SummaryData, leaders
from rltools.summary.finding import NAMED, Finding, number_of

ALIKE = 0.9
"""A rank correlation from which orders are much the same."""
SIMILAR = 0.5
"""One from which they are similar."""


def find_trust_of_methods(main: SummaryData, summaries: Sequence[SummaryData]) -> Finding | None:
    """How far the answer is to be trusted if nothing was measured, in a line: from how methods agree.

    Methods that agree may all be wrong, so trust is never high. On the first feature it is fair if all methods name the
    same one for certain, else low; on the rest it is fair if the smallest rank correlation with the main method is at
    least 0.9, else low.

    Args:
        main: the summary that leads.
        summaries: of all attributions of every episode without a window, and of the decision.

    Returns:
        None if no other method ranks the same features.
    """
    others = [
        summary
        for summary in summaries
        if summary is not main
        and summary.n
        and not is_control(summary.unit)
        and summary.features == main.features
        and summary.target in (main.target, DECISION)
        and (summary.method, summary.target) != (main.method, main.target)
    ]
    first = leaders(main)
    if not others or not first or len(main.features) < 2:
        return None
    parts = [_beside(main, summary) for summary in others]
    correlations = [part.subjects[-1].share for part in parts]
    agree = len(first) == 1 and all(part.part == "same" for part in parts)
    smallest = min((value for value in correlations if not math.isnan(value)), default=math.nan)
    rest = "" if math.isnan(smallest) or len(main.features) < 3 else "fair" if smallest >= ALIKE else "low"
    return Finding(
        "trust",
        first[:NAMED],
        leaders=len(first),
        method=main.method,
        target=main.target,
        standardized=main.std is not None,
        part="fair" if agree else "low",
        context=(rest, ""),
        total=len(main.features),
        parts=tuple(parts),
    )


def _beside(main: SummaryData, summary: SummaryData) -> Finding:
    """The first features by another method, and, last, its rank correlation with the main one."""
    first, mine = leaders(summary), {ranked.feature for ranked in leaders(main)}
    agreeing = rank_agreement(episode_ranks(main.magnitudes), episode_ranks(summary.magnitudes), paired=True)
    correlation = math.nan if agreeing is None else float(agreeing.value)
    theirs = {ranked.feature for ranked in first}
    part = "same" if theirs and theirs <= mine else "open" if theirs & mine else "other"
    return Finding(
        "trust",
        (*first[:NAMED], number_of("rank correlation", correlation)),
        leaders=len(first),
        method=summary.method,
        target=summary.target,
        standardized=summary.std is not None,
        part=part,
        total=len(summary.features),
    )
