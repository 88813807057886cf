"""The picture beside the answer of an experiment: what runs share and where they differ, feature by feature.

Up to four runs, or groups of runs, are marks on one line for each feature; more are a table with a shade for each
number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rltools._util.text import percent
from rltools.ablation import Ablation
from rltools.recording.folders import folder_name
from rltools.summary import (
    DECISION,
    Ranked,
    Summary,
    is_continuous,
    is_control,
    loss_of,
    loss_text,
    method_name,
    ranked_features,
)
from rltools.summary.sentence import share_of
from rltools.targets.scores import target_name

MOST_MARKED = 4
"""The most runs on one line, which is how many marks there are."""
MOST_ROWS = 10
"""The most features of a picture."""
Run = tuple[str, int]


@dataclass(frozen=True)
class Mark:
    """A number of a run or a group, in percent of the width; `low` and `high` are None without an interval.

    `members` are the numbers of the trainings of a group, in percent of the width too.
    """

    series: int
    x: float
    low: float | None
    high: float | None
    text: str
    members: tuple[float, ...] = ()


@dataclass(frozen=True)
class Line:
    """A feature with a mark for each run, and where they begin and end."""

    name: str
    marks: tuple[Mark, ...]
    start: float
    end: float


@dataclass(frozen=True)
class Cell:
    """A number of a table: its text, its shade from 0 to 1, and the number for sorting; "–" if it is not there."""

    text: str
    shade: float
    value: float


@dataclass(frozen=True)
class Compared:
    """Numbers of all runs by feature.

    Attributes:
        name: of its files.
        title: what the numbers are.
        runs: the labels of the runs or groups.
        features: the features, the largest first.
        lines: a line for each feature; empty for more than `MOST_MARKED` runs.
        rows: for each run its label and a cell for each feature.
        zero: where zero is, in percent of the width of a line.
        ends: the ends of the lines, as text.
        numbers: the number of each feature for each label.
        end: writes one of them without its interval.
    """

    name: str
    title: str
    runs: tuple[str, ...]
    features: tuple[str, ...]
    lines: tuple[Line, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    zero: float
    ends: tuple[str, str]
    numbers: Mapping[str, Mapping[str, Ranked]]
    end: Callable[[float], str]


LOST = "Return lost without each feature"


def compared_losses(
    labels: Mapping[Run, str], ablations: Mapping[Run, Ablation], environment: str = ""
) -> Compared | None:
    """The losses of return of all runs; None unless each of them was measured."""
    if not labels or not set(labels) <= set(ablations):
        return None
    by_run: dict[str, dict[str, Ranked]] = {}
    for run, label in labels.items():
        losses = ablations[run].losses()
        ranked = [loss_of(losses, player) for player in map(int, losses.order) if losses.seeds[player]]
        by_run[label] = {each.feature: each for each in ranked}
    return compare(("losses", environment), LOST, by_run, write=loss_text, end=short_number)


def compared_shares(
    labels: Mapping[Run, str], summaries: Mapping[Run, Sequence[Summary]], environment: str = ""
) -> list[Compared]:
    """The shares of the features in all runs, for each method and target that all of them have, without controls."""
    of_runs = [
        {
            (each.method, each.target, each.apart): each
            for each in summaries[run]
            if not is_control(each.unit) and each.n
        }
        for run in labels
    ]
    keys = [key for key in (of_runs[0] if of_runs else {}) if all(key in each for each in of_runs)]
    result = []
    for key in keys:
        first = of_runs[0][key]
        by_run = {
            label: {ranked.feature: ranked for ranked in ranked_features(each[key]) if math.isfinite(ranked.share)}
            for label, each in zip(labels.values(), of_runs, strict=True)
        }
        words = (*key, environment)
        compared = compare(words, share_title(first), by_run, write=lambda each: str(share_of(each)), end=percent)
        if compared:
            result.append(compared)
    return result


def share_title(summary: Summary) -> str:
    """What the numbers of an attribution are, as a title."""
    if summary.target == DECISION:
        return "How far the action moves" if is_continuous(summary) else "How often the decision changes"
    apart = f" ({summary.apart})" if summary.apart else ""
    return f"Share of what moves {target_name(summary.target)}, by {method_name(summary)}{apart}"


def short_number(value: float) -> str:
    """A number with three digits."""
    return f"{value:,.3g}".replace("-", "−")


def compare(
    words: tuple[str, ...],
    title: str,
    by_run: Mapping[str, Mapping[str, Ranked]],
    *,
    write: Callable[[Ranked], str],
    end: Callable[[float], str],
) -> Compared | None:
    """Arrange the numbers of runs or groups; features come in the order of their largest number in any of them.

    Args:
        words: of its name; the last is the environment, "" if there is only one, which also stands in the title.
        title: what the numbers are.
        by_run: the number of each feature for each label; of a group, `each` has those of its trainings.
        write: writes a number with its interval.
        end: writes a number without one.
    """
    largest: dict[str, float] = {}
    for ranked in by_run.values():
        for name, each in ranked.items():
            largest[name] = max(largest.get(name, -math.inf), each.share)
    names = sorted(largest, key=lambda name: -largest[name])[:MOST_ROWS]
    if not names:
        return None
    numbers = [ranked[name] for ranked in by_run.values() for name in names if name in ranked]
    parts = [part for each in numbers for part in (each.share, each.low, each.high, *_members(each))]
    finite = [part for part in parts if math.isfinite(part)]
    low, high = min([0.0, *finite]), max([0.0, *finite])
    span = (high - low) or 1.0

    def x(value: float) -> float:
        return round(2 + 96 * (value - low) / span, 2)

    lines = []
    for name in names:
        marks = tuple(
            Mark(
                series,
                x(ranked[name].share),
                x(ranked[name].low) if math.isfinite(ranked[name].low) else None,
                x(ranked[name].high) if math.isfinite(ranked[name].high) else None,
                f"{label}: {write(ranked[name])}",
                tuple(map(x, _members(ranked[name]))),
            )
            for series, (label, ranked) in enumerate(by_run.items())
            if name in ranked
        )
        places = [mark.x for mark in marks]
        lines.append(Line(name, marks, min(places), max(places)))
    most = max((abs(each.share) for each in numbers), default=0.0) or 1.0
    rows = tuple(
        (
            label,
            tuple(
                Cell(end(ranked[name].share), round(abs(ranked[name].share) / most, 3), ranked[name].share)
                if name in ranked
                else Cell("–", 0.0, -math.inf)
                for name in names
            ),
        )
        for label, ranked in by_run.items()
    )
    marked = tuple(lines) if len(by_run) <= MOST_MARKED else ()
    environment = words[-1]
    name = folder_name("-".join(filter(None, words)))
    title = f"{title}, {environment}" if environment else title
    return Compared(name, title, tuple(by_run), tuple(names), marked, rows, x(0.0), (end(low), end(high)), by_run, end)


def _members(ranked: Ranked) -> tuple[float, ...]:
    """The numbers of the trainings of a group."""
    return ranked.each if ranked.parts == "trainings" else ()
