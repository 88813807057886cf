"""The numbers of a run: what was recorded, and a table for each attribution."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rltools._util.files import atomic_write
from rltools.pages.report._parts import asked_of, interval, seeds_text
from rltools.pages.report._sentences import meaning
from rltools.recording import Recording
from rltools.summary import Summary

MOST_ROWS = 24
"""Of a table; `summary.csv` has all."""


def facts(recording: Recording, summary: Summary) -> list[tuple[str, str]]:
    """What was recorded, as pairs of a term and its value."""
    header = recording.header
    outcomes = summary.outcomes
    endings = Counter(outcome.ended for outcome in outcomes)
    returns = summary.returns
    return [
        ("Environment", header.environment_text),
        ("Mean return", interval(returns.mean, returns.low, returns.high)),
        ("Episodes", f"{len(outcomes)} ({', '.join(f'{count} {ending}' for ending, count in endings.items())})"),
        ("Steps", f"{summary.n_steps:,}"),
        ("Seeds", seeds_text(header) if outcomes else "–"),
        ("Actions", "the policy's best" if header.deterministic else "drawn from the policy's distribution"),
    ]


def tables(recording: Recording, summaries: Sequence[Summary]) -> list[dict[str, Any]]:
    """A table for each; what a target means is said where it comes first, and that of the findings is said there."""
    told = {summaries[0].target}
    found = []
    for summary in summaries:
        explained = "" if summary.target in told else meaning(summary.target)
        told.add(summary.target)
        shown = {"name": asked_of(recording, summary), "summary": summary, "rows": score_table(summary)}
        found.append(shown | {"meaning": explained, "more": max(0, len(summary.features) - MOST_ROWS)})
    return found


def score_table(summary: Summary) -> list[dict[str, Any]]:
    """One row a feature, the most important first: its share and its mean signed attribution, with intervals."""
    overall = summary.overall
    rows = []
    for ranked in summary.top(MOST_ROWS):
        at = ranked.position
        mean = overall.standardized_mean or overall.mean
        rows.append(
            {
                "feature": ranked.feature,
                "unit": summary.units[at],
                "share": interval(ranked.share, ranked.low, ranked.high, share=True),
                "bar": 0.0 if math.isnan(ranked.share) else round(ranked.share, 3),
                "means": [
                    interval(mean.value[label, at], mean.low[label, at], mean.high[label, at])
                    for label in range(len(summary.labels))
                ],
            }
        )
    return rows


def write_csv(path: Path, summaries: Sequence[Summary]) -> None:
    """All numbers of all attributions, one row for each feature, target and action."""
    import pandas as pd

    whole = pd.concat([found.table.assign(method=found.method, attribution=found.key) for found in summaries])
    with atomic_write(path) as temporary:
        whole.to_csv(temporary, index=False)
