"""Cards of summaries, and of the result of `analyze`."""

from __future__ import annotations

import json
import math
from pathlib import Path

from rltools._util.glossary import TERMS, method_title
from rltools._util.text import interval, plural
from rltools.ablation import Ablation
from rltools.ablation.replacements import find_replacement
from rltools.pages.answer import Answer
from rltools.pages.notebook._card import ROWS, Row, Table, bar, card, more_features, short
from rltools.stats import FEWEST_REPORTED
from rltools.summary import (
    DECISION,
    Summary,
    ablation_caveats,
    find_losses,
    loss_of,
    loss_text,
    ranked_features,
    verdict_text,
)
from rltools.summary.sentence import share_of
from rltools.targets.scores import target_name


def summary_html(summary: Summary) -> str:
    """The features of a summary as a table of shares with intervals, and its caveats."""
    return card(
        "Summary",
        agent_text(summary.policy, summary.environment),
        facts=_facts(summary),
        table=ranked_table(summary),
        notes=(*_small_print(summary), *map(str, summary.caveats)),
    )


def analysis_html(answer: Answer, page: Path) -> str:
    """What `analyze` found as sentences, the losses or the shares as a table, and where the page is."""
    summary, measured = answer.main, answer.measured
    small_print = _small_print(summary) if measured is None else losses_text(measured.ablation)
    return card(
        "Analysis",
        agent_text(summary.policy, summary.environment),
        facts=_facts(summary),
        sentences=tuple(map(str, answer.findings)),
        table=ranked_table(summary) if measured is None else losses_table(measured.ablation),
        notes=(*small_print, f"page: {page}"),
    )


def ablation_html(ablation: Ablation) -> str:
    """The losses of an ablation as a table with verdicts, and what they say."""
    spec = ablation.spec
    environment = str(json.loads(spec.environment).get("id", "")) if spec.environment else ""
    return card(
        "Ablation",
        agent_text(spec.policy, environment),
        facts=(plural(len(ablation.rollouts), "episode"), plural(len(ablation.players), "feature")),
        sentences=tuple(map(str, find_losses(ablation))),
        table=losses_table(ablation) if ablation.players else None,
        notes=(*losses_text(ablation), *map(str, ablation_caveats(ablation))),
    )


def losses_table(ablation: Ablation, rows: int = ROWS) -> Table:
    """The largest losses of return first, each with the verdict; a bar is as long as the loss."""
    losses = ablation.losses()
    verdicts = ablation.verdicts()
    ranked = [loss_of(losses, int(player)) for player in losses.order[:rows]]
    longest = max((end for each in ranked for end in (each.share, each.high) if math.isfinite(end)), default=0.0)
    return Table(
        ("feature", "verdict", "", "loss of return"),
        tuple(
            Row(
                (short(each.feature), verdict_text(verdicts[each.position].kind, verdicts[each.position].partner)),
                (loss_text(each),),
                bar(max(each.share, 0.0), max(each.low, 0.0), max(each.high, 0.0), longest),
            )
            for each in ranked
        ),
    )


def losses_text(ablation: Ablation) -> tuple[str, ...]:
    """Explains the numbers of the table of losses."""
    players = len(ablation.players)
    replaced, interval_name = find_replacement(ablation.replace).phrase, TERMS["interval"].name
    return (
        *more_features(min(ROWS, players), players),
        f"loss of the mean return without each feature, replaced by {replaced}; 95 % {interval_name} over seeds",
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
                ("0/0" if math.isnan(feature.share) else str(share_of(feature)),),
                bar(feature.share, feature.low, feature.high, max(ends, default=0.0)),
            )
            for feature, unit in zip(ranked, units, strict=True)
        ),
    )


def numbers_text(summary: Summary) -> str:
    """Explains the numbers of the table: the method, the target and the intervals."""
    name = TERMS["interval"].name
    level = (
        f"{100 * summary.level:g} % {name} over episodes{' and draws' if summary.overall.draws else ''}"
        if summary.overall.episodes >= FEWEST_REPORTED
        else f"fewer than {FEWEST_REPORTED} episodes: no {name}"
    )
    effect = f", {summary.effect}" if summary.effect else ""
    if summary.target == DECISION:
        source = f"{method_title(summary.method)}{effect}"
        return f"how often, or how far, replacing a feature changes the decision ({source}); {level}"
    method = method_title(summary.method, standardized=summary.std is not None)
    share = TERMS["share_of_mean"].name.format(f"|{method}|")
    return f"{share} of {short(target_name(summary.target))}{effect}; {level}"


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
