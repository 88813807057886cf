"""How alike methods, agents, seeds and targets rank the features."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Any

from rltools.experiments.results import Results, RunResult
from rltools.experiments.tables._printed import Column, Printed
from rltools.stats import FEWEST_RANKED, EpisodeRanks, chance, episode_ranks, rank_agreement
from rltools.summary import Summary, is_control

if TYPE_CHECKING:
    import pandas as pd


def agreement(results: Results) -> pd.DataFrame:
    """A row for each pair of attributions of the same features that differ in one thing only.

    Columns:
        differs: "methods", "targets", "agents", "environments", "points" (of a sweep), "seeds" or "settings".
        agent, seed, method, target, settings: of the first; other_agent, other_seed, other_method, other_target and
            other_settings: of the second. Settings tell attributions of the same method and target apart.
        environment: that of the first.
        control: whether one of them is a control.
        value, low, high: Spearman's rank correlation of the features, its mean over episodes, from -1 to 1, with its
            95 % interval over episodes; of the same run episode by episode, else over all pairs of episodes.
        features: how many are ranked.
        chance: the correlation that one of twenty pairs of unrelated orders of so many features reaches.
    """
    import pandas as pd

    every = [(result, summary, episode_ranks(summary.magnitudes)) for result in results for summary in result.summaries]
    return pd.DataFrame(_rows(every))


PARTS: dict[str, Callable[[RunResult, Summary], object]] = {
    "agents": lambda result, summary: (result.run.agent, result.run.group),
    "environments": lambda result, summary: _place(result),
    "points": lambda result, summary: dict(result.run.point),
    "seeds": lambda result, summary: result.run.seed,
    "methods": lambda result, summary: summary.method,
    "targets": lambda result, summary: summary.target,
    "settings": lambda result, summary: summary.apart,
}
"""In what two attributions can differ."""


def _place(result: RunResult) -> str:
    """The environment, without what a sweep changes of it: that is a difference of points."""
    if not any("environment" in key.split(".") for key in result.run.point):
        return result.environment
    variant = result.run.environment
    return (variant and variant.name) or result.measured.environment


def _names(result: RunResult, summary: Summary) -> dict[str, Any]:
    of_run = {"agent": result.run.label, "seed": result.run.seed}
    return of_run | {"method": summary.method, "target": summary.target, "settings": summary.apart}


def _rows(every: list[tuple[RunResult, Summary, EpisodeRanks]]) -> Iterator[dict[str, Any]]:
    for (result, summary, ranks), (other_result, other, other_ranks) in combinations(every, 2):
        pair = (result, summary), (other_result, other)
        differing = [kind for kind, part in PARTS.items() if part(*pair[0]) != part(*pair[1])]
        controls = [is_control(each.unit) for each in (summary, other)]
        if len(differing) != 1 or all(controls) or summary.features != other.features:
            continue
        if len(summary.features) < FEWEST_RANKED:
            continue
        agreeing = rank_agreement(ranks, other_ranks, paired=result is other_result)
        if agreeing is None:
            continue
        ends = agreeing.reported(summary.level)
        yield {
            "differs": differing[0],
            **_names(*pair[0]),
            **{f"other_{key}": value for key, value in _names(*pair[1]).items()},
            "environment": result.environment,
            "control": any(controls),
            "value": float(ends.value),
            "low": max(-1.0, float(ends.low)),
            "high": min(1.0, float(ends.high)),
            "features": len(summary.features),
            "chance": chance(len(summary.features)),
        }


def _pooled(frame: pd.DataFrame) -> pd.DataFrame:
    """The pairs of each two methods together."""
    by = ["differs", "environment", "method", "other_method"]
    pooled = frame.groupby(by, sort=True).agg(
        value=("value", "mean"),
        smallest=("value", "min"),
        largest=("value", "max"),
        pairs=("value", "size"),
        chance=("chance", "max"),
    )
    return pooled.reset_index()


PRINTED = Printed(
    "Rank agreement of all features: Spearman's correlation, its mean over pairs, and the smallest and largest of any "
    "pair. By chance one of twenty pairs of unrelated orders reaches the last column.",
    rows=(
        Column("Pairs of", "differs"),
        Column("Environment", "environment"),
        Column("Method", "method", "name"),
        Column("Other method", "other_method", "name"),
    ),
    values=(
        Column("Mean", "value", "correlation"),
        Column("Smallest", "smallest", "correlation"),
        Column("Largest", "largest", "correlation"),
        Column("Pairs", "pairs", "count"),
        Column("Chance", "chance", "correlation"),
    ),
    reduce=_pooled,
)
