"""Shows the numbers of a run: facts about the recording, the losses, and a table for each attribution."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rltools._util.files import atomic_write
from rltools._util.glossary import TERMS
from rltools._util.text import interval
from rltools.ablation import RULE
from rltools.pages.answer import attribution_name
from rltools.pages.measured import Measured
from rltools.pages.report._parts import seeds_text
from rltools.recording import Recording
from rltools.summary import Summary, loss_of, loss_text, rank_range, verdict_text
from rltools.summary.sentence import share_of
from rltools.targets.scores import target_meaning

MOST_ROWS = 24
"""The most rows of a table; `summary.csv` has all."""


def facts(recording: Recording, summary: Summary) -> list[tuple[str, str]]:
    """Facts about the recording, as pairs of a term and its value."""
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
        ("Actions", TERMS["deterministic" if header.deterministic else "sampled"].name),
    ]


def measured_table(measured: Measured) -> dict[str, Any]:
    """A row for each feature, the largest loss first: its loss, the verdict, and its ranks side by side."""
    losses, ranks = measured.losses, measured.ranks
    verdicts = {verdict.player: verdict for verdict in measured.ablation.verdicts()}
    rows = []
    for player in ranks.order[:MOST_ROWS]:
        name = ranks.players[player]
        verdict = verdicts[name]
        rows.append(
            {
                "feature": name,
                "loss": loss_text(loss_of(losses, player)),
                "seeds": int(losses.seeds[player]),
                "kind": verdict.kind,
                "verdict": verdict_text(verdict.kind, verdict.partner),
                "measured": rank_range(ranks.best[player], ranks.worst[player]),
                "ranks": [
                    (rank_range(column.best[player], column.worst[player]), column.outside[player])
                    for column in ranks.columns
                ],
            }
        )
    methods = [column.method for column in ranks.columns]
    return {"rows": rows, "methods": methods, "rule": RULE, "more": max(0, len(ranks.order) - MOST_ROWS)}


def tables(recording: Recording, summaries: Sequence[Summary]) -> list[dict[str, Any]]:
    """A table for each summary; a target is explained at its first table, the first target above the findings."""
    explained = {summaries[0].target}
    rows = []
    for summary in summaries:
        meaning = "" if summary.target in explained else target_meaning(summary.target)
        explained.add(summary.target)
        table = {"name": attribution_name(recording, summary), "summary": summary, "rows": score_table(summary)}
        rows.append(table | {"meaning": meaning, "more": max(0, len(summary.features) - MOST_ROWS)})
    return rows


def score_table(summary: Summary) -> list[dict[str, Any]]:
    """A row for each feature, the most important first: its share and its mean signed attribution, with intervals."""
    overall = summary.overall
    rows = []
    for ranked in summary.top(MOST_ROWS):
        position = ranked.position
        mean = overall.standardized_mean or overall.mean
        rows.append(
            {
                "feature": ranked.feature,
                "unit": summary.units[position],
                "share": str(share_of(ranked)),
                "bar": 0.0 if math.isnan(ranked.share) else round(ranked.share, 3),
                "means": [
                    interval(mean.value[label, position], mean.low[label, position], mean.high[label, position])
                    for label in range(len(summary.labels))
                ],
            }
        )
    return rows


def write_csv(path: Path, summaries: Sequence[Summary]) -> None:
    """All numbers of all attributions, one row for each feature, target and action."""
    import pandas as pd

    numbers = pd.concat([each.table.assign(method=each.method, attribution=each.key) for each in summaries])
    with atomic_write(path) as temporary:
        numbers.to_csv(temporary, index=False)
