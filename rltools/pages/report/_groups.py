"""Groups of agents that are trainings of one algorithm, on the page of an experiment: pooled, with each training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rltools._util.text import interval, number, percent, share_interval
from rltools.pages.report._compared import LOST, Compared, compare, share_title, short_number
from rltools.summary import Ranked, Summary

if TYPE_CHECKING:
    import pandas as pd

WHAT = ("quantity", "method", "target", "settings")
"""The columns that say what a picture compares."""
SWEEP = "sweep."
"""The beginning of the names of columns of swept keys."""


@dataclass(frozen=True)
class Groups:
    """The numbers of groups, as the table `groups` of an experiment has them.

    Attributes:
        pooled: a row for each group, environment and quantity, with columns group, environment, quantity, method,
            target, settings, control, feature, value, low, high, trainings, smallest and largest.
        members: the number of each training; the same columns up to feature, agent, and value.
    """

    pooled: pd.DataFrame
    members: pd.DataFrame


@dataclass(frozen=True)
class GroupRow:
    """A group in one environment: its name there, its trainings, its pooled return, and the range of the trainings."""

    label: str
    trainings: int
    returns: str
    value: float
    span: str


def _labels(frame: pd.DataFrame) -> pd.Series[str]:
    """The name of each row's group; with its point of a sweep, if there is one."""
    names: pd.Series[str] = frame["group"].astype(str)
    for column in frame.columns:
        if str(column).startswith(SWEEP):
            names = names + f", {str(column).rpartition('.')[2]}=" + frame[column].astype(str)
    return names


def group_rows(groups: Groups) -> list[GroupRow]:
    """A row for each group and environment."""
    pooled = groups.pooled.assign(label=_labels(groups.pooled))
    several = pooled["environment"].nunique() > 1
    rows: list[dict[Any, Any]] = pooled[pooled["quantity"] == "return"].to_dict("records")
    return [
        GroupRow(
            f"{row['label']}, {row['environment']}" if several else row["label"],
            int(row["trainings"]),
            interval(row["value"], row["low"], row["high"]),
            row["value"],
            f"{number(row['smallest'])} to {number(row['largest'])}",
        )
        for row in rows
    ]


def compared_groups(groups: Groups, summaries: list[Summary]) -> list[Compared]:
    """The groups side by side for each environment: their losses, then each method and target of all of them.

    Args:
        groups: the numbers.
        summaries: of each method and target that is compared, for its title.
    """
    titles = {(summary.method, summary.target, summary.apart): share_title(summary) for summary in reversed(summaries)}
    keys = ["environment", "label"]
    pooled = groups.pooled.assign(label=_labels(groups.pooled))
    members = groups.members.assign(label=_labels(groups.members))
    pooled = pooled[~pooled["control"] & (pooled["quantity"] != "return")]
    several = pooled["environment"].nunique() > 1
    each = {
        key: tuple(map(float, of_key["value"]))
        for key, of_key in members.groupby([*keys, *WHAT, "feature"], sort=False)
    }
    pictures: dict[tuple[str, ...], dict[str, dict[str, Ranked]]] = {}
    row: dict[Any, Any]
    for row in pooled.to_dict("records"):
        place, label, *what, feature = (row[key] for key in (*keys, *WHAT, "feature"))
        trainings = each[place, label, *what, feature]
        ranked = Ranked(feature, 0, row["value"], row["low"], row["high"], each=trainings, parts="trainings")
        pictures.setdefault((place, *what), {}).setdefault(label, {})[feature] = ranked
    result = []
    for (place, quantity, method, target, settings), by_group in pictures.items():
        lost = quantity == "loss"
        title = LOST if lost else titles[method, target, settings]
        words = ("groups", *(("losses",) if lost else (method, target, settings)), place if several else "")
        write, end = (_loss, short_number) if lost else (_share, percent)
        result.append(compare(words, f"{title}, interquartile mean over trainings", by_group, write=write, end=end))
    return list(filter(None, result))


def _share(ranked: Ranked) -> str:
    return "".join(share_interval(ranked.share, ranked.low, ranked.high))


def _loss(ranked: Ranked) -> str:
    return interval(ranked.share, ranked.low, ranked.high)
