"""The part of an experiment's page about what was measured: losses, verdicts, and how metrics judge the methods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING

from rltools._util.text import interval, two_decimals
from rltools.ablation import RULE, Ablation
from rltools.ablation.replacements import find_replacement

if TYPE_CHECKING:
    import pandas as pd

    from rltools.stats import Interval

MOST_NAMED = 3
"""The largest losses of an agent that the page names; `losses.csv` has all."""
Run = tuple[str, int]


@dataclass(frozen=True)
class Need:
    """A line about what an agent needs.

    Attributes:
        label: of the run.
        baseline: the mean return with its interval.
        losses: the largest losses with their intervals, and what the first of them are.
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
        f"{' or '.join(phrases)}; 95 % intervals over seeds. Losses do not add up. {RULE}"
    )


def _need(label: str, ablation: Ablation) -> Need:
    losses = ablation.losses()
    first = [int(player) for player in losses.order[:MOST_NAMED] if not isnan(losses.interval.value[player])]
    named = [f"{losses.players[player]} {_text(losses.interval, player)}" for player in first]
    tied = ""
    if losses.tied_at_floor:
        tied = f"; the first {losses.leaders} lose everything"
    elif losses.leaders > 1:
        tied = f"; the first {losses.leaders} cannot be told apart"
    by_kind: dict[str, list[str]] = {}
    for verdict in ablation.verdicts():
        by_kind.setdefault(verdict.kind, []).append(verdict.player)
    without = [f"{name}: {', '.join(by_kind[kind])}" for kind, name in _UNNEEDED.items() if kind in by_kind]
    certificate = ablation.certificate
    return Need(
        label,
        _text(losses.baseline, ()),
        ", ".join(named) + tied,
        "; ".join(without) or "–",
        "" if certificate is None else str(certificate),
    )


_UNNEEDED = {"not_needed": "not needed", "better_without": "better without"}


def _text(ends: Interval, position: int | tuple[()]) -> str:
    return interval(float(ends.value[position]), float(ends.low[position]), float(ends.high[position]))


@dataclass(frozen=True)
class Judged:
    """A line about a method: how a metric judges it, for each run.

    Attributes:
        metric: the name of the metric.
        method: the name of the method.
        values: for each run, the value with its interval; "–" without one.
        separates: in how many runs the method is certainly better than the controls, of how many.
    """

    metric: str
    method: str
    values: tuple[str, ...]
    separates: str


def judged(assessments: Mapping[Run, pd.DataFrame]) -> Iterator[Judged]:
    """A line for each metric and method of the runs; a method with several targets has the first one's values."""
    pairs = dict.fromkeys(
        (str(row.metric), str(row.method), bool(row.control))
        for table in assessments.values()
        for row in table.itertuples()
    )
    for metric, method, control in pairs:
        values, certain, count = [], 0, 0
        for table in assessments.values():
            rows = table[(table.metric == metric) & (table.method == method)]
            if not len(rows):
                values.append("–")
                continue
            row = rows.iloc[0]
            values.append(interval(float(row.value), float(row.low), float(row.high), two_decimals))
            count += 1
            certain += str(row.separates) == "True"
        ending = "a control" if control else f"{certain} of {count}"
        yield Judged(metric, method, tuple(values), ending)
