"""Summaries, and what `analyze` returns, in a notebook."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from rltools.pages.notebook._card import ROWS, Row, Table, bar, card, counted, rest, short
from rltools.summary import DECISION, Summary, ranked_features, with_interval


def summary_html(summary: Summary) -> str:
    """What a summary found, as a table of shares with their intervals."""
    return card(
        "Summary",
        of_agent(summary.policy, summary.environment),
        facts=_facts(summary),
        table=ranked_table(summary),
        notes=(*_small_print(summary), *(f"{note[0].upper()}{note[1:]}." for note in summary.notes)),
    )


def analysis_html(summary: Summary, findings: Sequence[str], page: Path) -> str:
    """The findings of `analyze` in words and as a table, and where the page is."""
    return card(
        "Analysis",
        of_agent(summary.policy, summary.environment),
        facts=_facts(summary),
        sentences=tuple(findings),
        table=ranked_table(summary),
        notes=(*_small_print(summary), f"page: {page}"),
    )


def ranked_table(summary: Summary, rows: int = ROWS) -> Table:
    """The features that matter most, the most important first."""
    ranked = ranked_features(summary)[:rows]
    ends = [end for found in ranked for end in (found.share, found.high) if math.isfinite(end)]
    units = [summary.units[found.position] for found in ranked]
    measured = ("unit",) if any(units) else ()
    heading = "decision changed" if summary.target == DECISION else "share of importance"
    return Table(
        ("feature", *measured, "", heading),
        tuple(
            Row(
                (short(found.feature), *([short(unit)] if measured else [])),
                ("0/0" if math.isnan(found.share) else with_interval(found),),
                bar(found.position, found.share, found.low, found.high, max(ends, default=0.0)),
            )
            for found, unit in zip(ranked, units, strict=True)
        ),
    )


def shown_as(summary: Summary) -> str:
    """What the table's numbers are, with the target named."""
    interval = (
        f"{100 * summary.level:g} % interval over episodes{' and draws' if summary.overall.draws else ''}"
        if summary.overall.episodes > 1
        else "fewer than two episodes: no interval"
    )
    effect = f", {summary.effect}" if summary.effect else ""
    if summary.target == DECISION:
        return f"how much of the decision changes without each feature ({summary.method}{effect}); {interval}"
    scaled = " × std" if summary.std is not None else ""
    return f"share of mean |{summary.method.replace('_', ' ')}{scaled}| of {short(summary.target)}{effect}; {interval}"


def of_agent(policy: str, environment: str) -> str:
    """Whose it is, and where it acted."""
    return f"{short(policy)} in {short(environment) if environment else 'an environment made by a function'}"


def _facts(summary: Summary) -> tuple[str, ...]:
    returns = summary.returns
    sure = f" [{returns.low:.4g}, {returns.high:.4g}]" if math.isfinite(returns.low) else ""
    reached = (f"mean return {returns.mean:.4g}{sure}",) if returns.n else ()
    steps = f"{summary.n:,} of {counted(summary.n_steps, 'step')} explained"
    return counted(summary.episodes, "episode"), steps, *reached


def _small_print(summary: Summary) -> tuple[str, ...]:
    return (*rest(min(ROWS, len(summary.features)), len(summary.features)), shown_as(summary))
