"""The part of an experiment's page about what was measured: losses, verdicts, and how metrics judge the methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rltools._util.text import interval, two_decimals
from rltools.ablation import RULE, Ablation
from rltools.ablation.replacements import find_replacement

if TYPE_CHECKING:
    import pandas as pd

    from rltools.stats import Interval

MOST_NAMED = 3
"""The largest losses of an agent that the page names; the table `losses` has all."""
Run = tuple[str, int]


@dataclass(frozen=True)
class Need:
    """A line about what an agent needs.

    Attributes:
        label: of the run.
        baseline: the mean return with its interval.
        losses: the largest certain losses with their intervals, and what the first of them are.
        not_needed: the features that are not needed, and those without which the agent does better.
        certificate: what can be left out, as a sentence; "" if that was not measured.
    """

    label: str
    baseline: str
    losses: str
    not_needed: str
    certificate: str


def needs(labels: Mapping[Run, str], ablations: Mapping[Run, Ablation]) -> list[Need]:
    """A line for each run."""
    return [_need(labels[run], ablation) for run, ablation in ablations.items()]


def needs_caption(ablations: Mapping[Run, Ablation]) -> str:
    """What the lines say, by which rule; "" without lines."""
    if not ablations:
        return ""
    phrases = dict.fromkeys(find_replacement(ablation.replace).phrase for ablation in ablations.values())
    return (
        f"A loss is how much the return falls in whole episodes in which the policy sees a feature replaced by "
        f"{' or '.join(phrases)}, with 95 % confidence intervals over seeds. Losses do not add up. {RULE}"
    )


def _need(label: str, ablation: Ablation) -> Need:
    losses = ablation.losses()
    low = losses.interval.low
    first = [int(player) for player in losses.order[:MOST_NAMED] if low[player] > 0]
    named = [f"{losses.players[player]} {_text(losses.interval, player)}" for player in first]
    tied = ""
    if losses.tied_at_floor:
        tied = f"; the first {losses.leaders} lose everything"
    elif losses.leaders > 1:
        tied = f"; the first {losses.leaders} cannot be told apart"
    by_kind: dict[str, list[str]] = {}
    for verdict in ablation.verdicts():
        by_kind.setdefault(verdict.kind, []).append(verdict.player)
    without = [f"{name}{', '.join(by_kind[kind])}" for kind, name in _UNNEEDED.items() if kind in by_kind]
    certificate = ablation.certificate
    return Need(
        label,
        _text(losses.baseline, ()),
        ", ".join(named) + tied if named else "none is certain",
        "; ".join(without) or "–",
        "" if certificate is None else str(certificate),
    )


_UNNEEDED = {"not_needed": "", "better_without": "better without "}


def _text(ends: Interval, position: int | tuple[()]) -> str:
    return interval(float(ends.value[position]), float(ends.low[position]), float(ends.high[position]))


@dataclass(frozen=True)
class Judged:
    """A table of how a metric judges the methods.

    Attributes:
        metric: the name of the metric.
        methods: the names of the methods.
        rows: for each run its label, and for each method the value with its interval; "–" without one.
        separates: for each method, in how many runs it is certainly better than the controls; "a control" for those.
    """

    metric: str
    methods: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    separates: tuple[str, ...]


def judged(labels: Mapping[Run, str], assessments: Mapping[Run, pd.DataFrame]) -> list[Judged]:
    """A table for each metric; of a method with several targets it has the first one's values."""
    by_metric: dict[str, dict[str, dict[Run, Any]]] = {}
    for run, table in assessments.items():
        for row in table.itertuples():
            of_method = by_metric.setdefault(str(row.metric), {}).setdefault(str(row.method), {})
            of_method.setdefault(run, row)
    return [_judged(metric, by_method, labels, list(assessments)) for metric, by_method in by_metric.items()]


def _judged(metric: str, by_method: dict[str, dict[Run, Any]], labels: Mapping[Run, str], runs: list[Run]) -> Judged:
    rows = [
        (
            labels[run],
            tuple(
                interval(row.value, row.low, row.high, two_decimals) if (row := values.get(run)) else "–"
                for values in by_method.values()
            ),
        )
        for run in runs
    ]
    endings = [
        "a control"
        if any(bool(row.control) for row in values.values())
        else f"{sum(str(row.separates) == 'True' for row in values.values())} of {len(values)}"
        for values in by_method.values()
    ]
    return Judged(metric, tuple(by_method), tuple(rows), tuple(endings))
