"""Shows the numbers of a run: facts about the recording, the losses, and a table for each attribution."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rltools._util.files import atomic_write
from rltools._util.glossary import TERMS
from rltools._util.text import capitalized, interval, number, percent
from rltools.ablation import RULE
from rltools.pages.ablation_findings import AblationFindings
from rltools.pages.answer import attribution_name
from rltools.pages.report._extremes import Extremes
from rltools.pages.report._parts import seeds_text
from rltools.recording import Header, Recording
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
        ("Actions", _actions_text(header)),
    ]


def _actions_text(header: Header) -> str:
    """How the actions were chosen."""
    if header.data:
        return "those of the data set"
    return TERMS["deterministic" if header.deterministic else "sampled"].name


def measured_table(measured: AblationFindings) -> dict[str, Any]:
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


def tables(
    recording: Recording, summaries: Sequence[Summary], extreme_steps: Mapping[str, Sequence[Extremes]]
) -> list[dict[str, Any]]:
    """A table for each summary; a target is explained at its first table, the first target above the findings.

    Args:
        recording: the recording of the summaries.
        summaries: the summary that leads the page first.
        extreme_steps: the extreme steps of the features, by the key of each summary.
    """
    explained = {summaries[0].target}
    rows = []
    for summary in summaries:
        meaning = "" if summary.target in explained else target_meaning(summary.target)
        explained.add(summary.target)
        end, numbers = score_table(summary, extreme_steps[summary.key])
        table = {
            "name": capitalized(attribution_name(recording, summary)),
            "summary": summary,
            "rows": numbers,
            "end": end,
        }
        table |= {"meaning": meaning, "more": max(0, len(summary.features) - MOST_ROWS)}
        rows.append(table | {"by_action": means_by_action(summary)})
    return rows


def score_table(summary: Summary, extreme_steps: Sequence[Extremes]) -> tuple[str, list[dict[str, Any]]]:
    """The end of the scale, and a row for each feature, the most important first.

    A row has the share with its interval, in words and in percent of the scale, and the steps at which the feature
    raises and lowers the target value most.
    """
    ranked = summary.top(MOST_ROWS)
    ends = [end for each in ranked for end in (each.share, each.high) if math.isfinite(end)]
    longest = max(ends, default=0.0) or 1.0

    def position(share: float) -> float | None:
        return round(100 * share / longest, 2) if math.isfinite(share) else None

    rows = [
        {
            "feature": each.feature,
            "unit": summary.units[each.position],
            "share": str(share_of(each)),
            "share_value": f"{each.share:.6g}",
            "position": position(each.share) or 0.0,
            "low": position(each.low),
            "high": position(each.high),
            "highest": extreme_steps[each.position].highest,
            "lowest": extreme_steps[each.position].lowest,
        }
        for each in ranked
    ]
    return percent(longest), rows


def signed(value: float) -> str:
    """A number with its sign and three digits."""
    text = f"{value:#.3g}".rstrip(".").replace("-", "−") if 0.01 <= abs(value) < 1000 else number(value, 3)
    return f"{'+' if value > 0 else ''}{text}"


def means_by_action(summary: Summary) -> dict[str, Any] | None:
    """The mean of each feature's signed attributions by the action taken; None if no action has steps of its own.

    Over all actions together it would mean nothing: a feature that is for one action is against another.
    """
    taken = {action: statistics for action, statistics in summary.by_action.items() if statistics.n}
    if not taken or len(summary.labels) > 1:
        return None
    means = [statistics.standardized_mean or statistics.mean for statistics in taken.values()]
    rows = []
    for ranked in summary.top(MOST_ROWS):
        index = (0, ranked.position)
        cells = [tuple(float(part[index]) for part in (mean.value, mean.low, mean.high)) for mean in means]
        rows.append((ranked.feature, [(f"{value:.6g}", interval(value, low, high)) for value, low, high in cells]))
    return {"actions": [(action, statistics.n) for action, statistics in taken.items()], "rows": rows}


def write_csv(path: Path, summaries: Sequence[Summary]) -> None:
    """All numbers of all attributions, one row for each feature, target and action."""
    import pandas as pd

    numbers = pd.concat([each.table.assign(method=each.method, attribution=each.key) for each in summaries])
    with atomic_write(path) as temporary:
        numbers.to_csv(temporary, index=False, lineterminator="\n")
