"""All agents and methods of an experiment at a glance: a row for each run, and in each cell the features as bars."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rltools._util.text import interval, percent
from rltools.ablation import Ablation
from rltools.pages.report._compared import MOST_MARKED
from rltools.recording import Recording
from rltools.summary import (
    DECISION,
    Summary,
    find_loss_lead,
    is_continuous,
    is_control,
    leaders,
    loss_of,
    method_name,
    ranked_features,
)
from rltools.targets.scores import target_name

MOST_BARS = 8
"""The most features of a cell."""
BAR, HEIGHT = 10, 26
"""The width of a bar with the gap beside it, and the height of the highest, in pixels."""
Run = tuple[str, int]


@dataclass(frozen=True)
class Bar:
    """A feature in a cell: its left end, its upper end and its height in pixels, its class, and what it says."""

    x: float
    y: float
    height: float
    kind: str
    text: str


@dataclass(frozen=True)
class OverviewCell:
    """What one method says of one run.

    Attributes:
        bars: one for each feature, in the order of all cells.
        lead: the feature that comes first, or those that cannot be told apart; "–" without numbers.
        certain: whether it is a single one.
        unusual: whether most runs have another one, or there is none that most have.
        value: its number, by which the column is sorted.
    """

    bars: tuple[Bar, ...]
    lead: str
    certain: bool
    unusual: bool
    value: float


@dataclass(frozen=True)
class OverviewRow:
    """A run: its label and its page ("" for none), its group, its returns, and a cell for each column."""

    label: str
    page: str
    group: str
    mean: float
    returns: str
    episodes: int
    steps: int
    cells: tuple[OverviewCell, ...]


@dataclass(frozen=True)
class Overview:
    """The runs in one environment.

    Attributes:
        environment: its name.
        features: the names of the bars from left to right, the largest number of any run first.
        more: how many features have no bar.
        columns: the headings of the cells: the measured losses if there are any, then the methods.
        usual: for each of these the feature that certainly leads in more than half of the runs; "" if there is none.
        rows: one for each run.
        width: of the bars of a cell, in pixels.
    """

    environment: str
    features: tuple[str, ...]
    more: int
    columns: tuple[str, ...]
    usual: tuple[str, ...]
    rows: tuple[OverviewRow, ...]
    width: int

    @property
    def grouped(self) -> bool:
        """Whether any run belongs to a group."""
        return any(row.group for row in self.rows)


@dataclass(frozen=True)
class _Numbers:
    """The numbers of a cell by feature, as texts too, and the features that lead."""

    values: Mapping[str, float]
    texts: Mapping[str, str]
    leads: tuple[str, ...]


def overviews(
    folder: Path,
    runs: Mapping[Run, Recording],
    labels: Mapping[Run, str],
    summaries: Mapping[Run, Sequence[Summary]],
    ablations: Mapping[Run, Ablation],
    environments: Mapping[Run, str],
    groups: Mapping[Run, str],
) -> list[Overview]:
    """An overview for each environment, in the order of the runs.

    Args:
        folder: of the experiment, to which links are relative.
        runs: the recordings.
        labels: the name of each run.
        summaries: of each method and target; controls are left out.
        ablations: what was measured.
        environments: the name of the environment of each run.
        groups: the group of each run that belongs to one.
    """
    result = []
    for environment in dict.fromkeys(environments[run] for run in runs):
        own = [run for run in runs if environments[run] == environment]
        numbers: dict[str, dict[Run, _Numbers]] = {}
        if any(run in ablations for run in own):
            numbers["Return lost without it"] = {run: _losses(ablations[run]) for run in own if run in ablations}
        several = len({each.target for run in own for each in summaries[run] if _scores(each)}) > 1
        for run in own:
            for each in summaries[run]:
                if not is_control(each.unit) and each.n:
                    numbers.setdefault(_heading(each, several), {}).setdefault(run, _shares(each))
        names = within_environment(environment, {run: labels[run] for run in own})
        features = _ordered(list(numbers.values()))
        usual = [_usual(of_runs) for of_runs in numbers.values()]
        cells = [
            [_cell(of_runs.get(run), features[:MOST_BARS], _largest(of_runs), first) for run in own]
            for of_runs, first in zip(numbers.values(), usual, strict=True)
        ]
        rows = tuple(
            _row(folder, runs[run], names[run], groups.get(run, ""), summaries[run][0], tuple(row))
            for run, row in zip(own, zip(*cells, strict=True) if cells else [()] * len(own), strict=True)
        )
        bars = features[:MOST_BARS]
        more = len(features) - len(bars)
        result.append(Overview(environment, bars, more, tuple(numbers), tuple(usual), rows, BAR * len(bars)))
    return result


def within_environment(environment: str, labels: Mapping[Run, str]) -> dict[Run, str]:
    """Labels of the runs of an environment that is named beside them: `winter`, not `winter@cold`."""
    short = {run: label.replace(f"@{environment}", "", 1) for run, label in labels.items()}
    return short if len(set(short.values())) == len(short) else dict(labels)


def _scores(summary: Summary) -> bool:
    return summary.target != DECISION and not is_control(summary.unit)


def _heading(summary: Summary, several: bool) -> str:
    if summary.target == DECISION:
        return "How far the action moves" if is_continuous(summary) else "How often the decision changes"
    name = f"{method_name(summary)} ({summary.apart})" if summary.apart else method_name(summary)
    return f"{name}, {target_name(summary.target).removeprefix('the ')}" if several else name


def _shares(summary: Summary) -> _Numbers:
    ranked = [each for each in ranked_features(summary) if math.isfinite(each.share)]
    return _Numbers(
        {each.feature: each.share for each in ranked},
        {each.feature: f"{each.feature} {percent(each.share)}" for each in ranked},
        tuple(each.feature for each in leaders(summary)),
    )


def _losses(ablation: Ablation) -> _Numbers:
    losses = ablation.losses()
    ranked = [loss_of(losses, player) for player in map(int, losses.order) if losses.seeds[player]]
    lead = find_loss_lead(ablation)
    first = tuple(losses.players[player] for player in losses.order[: losses.leaders])
    return _Numbers(
        {each.feature: each.share for each in ranked},
        {each.feature: f"{each.feature} {interval(each.share, each.low, each.high)}" for each in ranked},
        () if lead.kind == "loss_none" else first,
    )


def _ordered(columns: Sequence[Mapping[Run, _Numbers]]) -> tuple[str, ...]:
    """The features by their largest number, each relative to the largest of its column."""
    sizes: dict[str, float] = {}
    for of_runs in columns:
        top = _largest(of_runs)
        for numbers in of_runs.values():
            for name, value in numbers.values.items():
                sizes[name] = sizes.get(name, 0.0) + max(0.0, value) / top
    return tuple(sorted(sizes, key=lambda name: -sizes[name]))


def _largest(of_runs: Mapping[Run, _Numbers]) -> float:
    values = [value for numbers in of_runs.values() for value in numbers.values.values() if math.isfinite(value)]
    return max([0.0, *values]) or 1.0


def _usual(of_runs: Mapping[Run, _Numbers]) -> str:
    """The feature that certainly leads in more than half of many runs; of few runs each says what leads it."""
    if len(of_runs) <= MOST_MARKED:
        return ""
    certain = Counter(numbers.leads[0] for numbers in of_runs.values() if len(numbers.leads) == 1)
    name, count = certain.most_common(1)[0] if certain else ("", 0)
    return name if 2 * count > len(of_runs) else ""


def _cell(numbers: _Numbers | None, features: Sequence[str], top: float, usual: str) -> OverviewCell:
    if numbers is None:
        return OverviewCell((), "–", certain=False, unusual=True, value=-math.inf)
    bars = []
    for position, name in enumerate(features):
        if not math.isfinite(value := numbers.values.get(name, math.nan)):
            continue
        height = round(HEIGHT * max(0.0, value) / top, 1)
        kind = "lead" if (name,) == numbers.leads else "tied" if name in numbers.leads else "other"
        bars.append(Bar(BAR * position, round(HEIGHT - height, 1), height, kind, numbers.texts[name]))
    first, *others = numbers.leads or ("none certainly",)
    tied = f" or {others[0] if len(others) == 1 else f'{len(others)} more'}" if others else ""
    value = max((numbers.values.get(name, -math.inf) for name in numbers.leads), default=-math.inf)
    return OverviewCell(tuple(bars), first + tied, len(numbers.leads) == 1, numbers.leads != (usual,), value)


def _row(
    folder: Path, recording: Recording, label: str, group: str, summary: Summary, cells: tuple[OverviewCell, ...]
) -> OverviewRow:
    returns, page = summary.returns, recording.directory / "index.html"
    return OverviewRow(
        label,
        page.relative_to(folder).as_posix() if page.is_file() else "",
        group,
        returns.mean,
        interval(returns.mean, returns.low, returns.high),
        len(recording),
        summary.n_steps,
        cells,
    )
