"""Finds which features lead the runs of an experiment, and how well methods, agents and seeds agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, product

from rltools.attributions import is_control
from rltools.stats import episode_ranks, rank_agreement
from rltools.summary._data import DECISION, SummaryData, is_continuous, leaders, ranked_features
from rltools.summary._wording_of_runs import CONTROL_MEANINGS
from rltools.summary.finding import MOST_NAMED, NAMED, Finding, count_named, number_of

Run = tuple[str, int]
"""An agent and a seed."""


def find_leads(labels: Mapping[Run, str], summaries: Mapping[Run, Sequence[SummaryData]]) -> tuple[Finding, ...]:
    """Which feature leads each run by each method; for many runs only how often each feature leads.

    Controls say nothing about the agent, and are left out.

    Args:
        labels: the name of each run.
        summaries: the summaries of each run, one for each method and target.
    """
    leads = {run: [*_leads(of_run)] for run, of_run in summaries.items()}
    if len(summaries) > MOST_NAMED:
        return tuple(_lead_counts([lead for of_run in leads.values() for lead in of_run]))
    return tuple(
        Finding("run_leads", agent=labels[run], parts=tuple(of_run)) for run, of_run in leads.items() if of_run
    )


def find_rankings(labels: Mapping[Run, str], summaries: Mapping[Run, Sequence[SummaryData]]) -> tuple[Finding, ...]:
    """The first features of each run by each method and target, without controls."""
    return tuple(
        Finding(
            "ranking",
            ranked_features(summary)[:NAMED],
            agent=labels[run],
            method=summary.method,
            target=summary.target,
            level=summary.level,
        )
        for run, of_run in summaries.items()
        for summary in of_run
        if not is_control(summary.unit)
    )


def _leads(summaries: Iterable[SummaryData]) -> Iterator[Finding]:
    for summary in summaries:
        tied = leaders(summary)
        if tied and not is_control(summary.unit):
            yield Finding(
                "lead",
                tied[: count_named(len(tied))],
                len(tied),
                method=summary.method,
                target=summary.target,
                continuous=summary.target == DECISION and is_continuous(summary),
            )


def _lead_counts(leads: Sequence[Finding]) -> Iterator[Finding]:
    certain = Counter(lead.subjects[0].feature for lead in leads if lead.leaders == 1)
    if leads:
        counts = tuple(
            Finding("lead_counts", (number_of(feature, count),), n=count)
            for feature, count in certain.most_common(MOST_NAMED)
        )
        yield Finding("lead_counts", n=certain.total(), total=len(leads), parts=counts)


def find_agreement(summaries: Mapping[Run, Sequence[SummaryData]]) -> tuple[Finding, ...]:
    """Rank agreement of all features, over pairs of summaries that differ in one thing only.

    One finding covers methods, targets, agents and seeds; there is none if nothing can be compared. Controls are left
    out of it; further findings say how well each method agrees with them, and what that means.
    """
    correlations: dict[str, list[float]] = {}
    sizes = set()
    every = [(run, summary) for run, of_run in summaries.items() for summary in of_run]
    methods = [(run, summary) for run, summary in every if not is_control(summary.unit)]
    for (run, summary), (other_run, other) in combinations(methods, 2):
        kind = _difference((*run, summary.method, summary.target), (*other_run, other.method, other.target))
        correlation = _correlation(summary, other, paired=run == other_run) if kind else None
        if correlation is not None:
            correlations.setdefault(kind, []).append(correlation)
            sizes.add(len(summary.features))
    if not correlations:
        return tuple(_control_agreement(every))
    between = tuple(_range(values, part=kind) for kind, values in correlations.items())
    size = sizes.pop() if len(sizes) == 1 else 0
    return Finding("rank_agreement", n=size, parts=between), *_control_agreement(every)


def _control_agreement(every: Sequence[tuple[Run, SummaryData]]) -> Iterator[Finding]:
    """How well each method agrees with each control, for the same run and target."""
    correlations: dict[str, dict[str, list[float]]] = {}
    for (run, summary), (other_run, other) in product(every, every):
        if is_control(summary.unit) or not is_control(other.unit):
            continue
        if (run, summary.target) != (other_run, other.target):
            continue
        correlation = _correlation(summary, other, paired=True)
        if correlation is not None:
            correlations.setdefault(summary.method, {}).setdefault(other.method, []).append(correlation)
    if not correlations:
        return
    yield Finding(
        "control_agreement",
        parts=tuple(
            Finding(
                "control_agreement",
                method=method,
                parts=tuple(_range(values, method=control) for control, values in of_method.items()),
            )
            for method, of_method in correlations.items()
        ),
    )
    controls = tuple(dict.fromkeys(control for of_method in correlations.values() for control in of_method))
    if CONTROL_MEANINGS.keys() & set(controls):
        yield Finding("control_meaning", context=controls)


def _range(values: Sequence[float], *, part: str = "", method: str = "") -> Finding:
    """The smallest and the largest of several correlations."""
    ends = number_of("rank correlation", values[0], min(values), max(values))
    return Finding("rank_agreement", (ends,), part=part, method=method, n=len(values))


def _difference(first: tuple[object, ...], second: tuple[object, ...]) -> str:
    kinds = ("agents", "seeds", "methods", "targets")
    differing = [kind for kind, left, right in zip(kinds, first, second, strict=True) if left != right]
    return differing[0] if len(differing) == 1 else ""


def _correlation(summary: SummaryData, other: SummaryData, *, paired: bool) -> float | None:
    """The rank agreement of two summaries; None if their features differ or have no order."""
    if summary.features != other.features:
        return None
    ranks = (episode_ranks(each.magnitudes) for each in (summary, other))
    agreeing = rank_agreement(*ranks, paired=paired)
    return None if agreeing is None else float(agreeing.value)
