"""Cards of summaries, and of the result of `analyze`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from rltools._util.glossary import TERMS
from rltools._util.text import interval, percent, plural
from rltools.pages.notebook._card import ROWS, Row, Table, bar, card, more_features, short
from rltools.summary import DECISION, Finding, Summary, ranked_features
from rltools.summary.caveats import Caveat


def summary_html(summary: Summary) -> str:
    """The features of a summary as a table of shares with intervals, and its caveats."""
    return card(
        "Summary",
        agent_text(summary.policy, summary.environment),
        facts=_facts(summary),
        table=ranked_table(summary),
        notes=(*_small_print(summary), *map(str, summary.caveats)),
    )


def analysis_html(summary: Summary, findings: Sequence[Finding | Caveat], page: Path) -> str:
    """The findings of `analyze` as sentences and as a table, and where the page is."""
    return card(
        "Analysis",
        agent_text(summary.policy, summary.environment),
        facts=_facts(summary),
        sentences=tuple(map(str, findings)),
        table=ranked_table(summary),
        notes=(*_small_print(summary), f"page: {page}"),
    )


def ranked_table(summary: Summary, rows: int = ROWS) -> Table:
    """The features that matter most, the most important first."""
    ranked = ranked_features(summary)[:rows]
    ends = [end for feature in ranked for end in (feature.share, feature.high) if math.isfinite(end)]
    units = [summary.units[feature.position] for feature in ranked]
    unit_column = ("unit",) if any(units) else ()
    heading = "decision changed" if summary.target == DECISION else TERMS["share"].name
    return Table(
        ("feature", *unit_column, "", heading),
        tuple(
            Row(
                (short(feature.feature), *([short(unit)] if unit_column else [])),
                ("0/0" if math.isnan(feature.share) else interval(feature.share, feature.low, feature.high, percent),),
                bar(feature.position, feature.share, feature.low, feature.high, max(ends, default=0.0)),
            )
            for feature, unit in zip(ranked, units, strict=True)
        ),
    )


def numbers_text(summary: Summary) -> str:
    """Explains the numbers of the table: the method, the target and the intervals."""
    interval = TERMS["interval"].name
    level = (
        f"{100 * summary.level:g} % {interval} over episodes{' and draws' if summary.overall.draws else ''}"
        if summary.overall.episodes > 1
        else f"fewer than two episodes: no {interval}"
    )
    effect = f", {summary.effect}" if summary.effect else ""
    if summary.target == DECISION:
        return f"how often, or how far, the decision changes when each feature is replaced ({summary.method}{effect}); {level}"
    scaled = f" {TERMS['std'].name}" if summary.std is not None else ""
    share = TERMS["share_of_mean"].name.format(f"|{summary.method.replace('_', ' ')}{scaled}|")
    return f"{share} of {short(summary.target)}{effect}; {level}"


def agent_text(policy: str, environment: str) -> str:
    """The agent, and its environment."""
    return f"{short(policy)} in {short(environment) if environment else 'an environment made by a function'}"


def _facts(summary: Summary) -> tuple[str, ...]:
    returns = summary.returns
    mean = (f"mean return {interval(returns.mean, returns.low, returns.high)}",) if returns.n else ()
    steps = f"{summary.n:,} of {plural(summary.n_steps, 'step')} explained"
    return plural(summary.episodes, "episode"), steps, *mean


def _small_print(summary: Summary) -> tuple[str, ...]:
    return (*more_features(min(ROWS, len(summary.features)), len(summary.features)), numbers_text(summary))
