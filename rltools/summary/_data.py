"""Defines the numbers of a summary, and ranks features by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from rltools._util.discovery import unknown_name
from rltools.recording import Outcome
from rltools.stats import Interval, standing
from rltools.summary._estimates import Statistics
from rltools.summary._levels import LevelName
from rltools.summary.caveats import Caveat

DECISION = "decision"
"""The target that is not a score: the changes by each feature are not shares of a whole."""


@dataclass(frozen=True)
class Ranked:
    """One feature among those that matter most.

    Attributes:
        feature: its name.
        position: its position in `Summary.features`.
        share: its share of the importance of all features, from 0 to 1; for the target `decision` how much it changes.
        low: lower end of the interval; NaN with fewer than five episodes, or with few that all agree.
        high: upper end of the interval; NaN in the same cases.
        few: whether so few of the episodes carry it that the interval is rough.
        changes: for the target `decision`, the choice or dimension that the feature changes most, if there are several.
        each: the number in each episode, or at each seed, if they are too few for an interval, or of each training of
            a group; else empty.
        parts: what these are.
        marks: the ids of the caveats that undermine the number; a dagger stands beside it.
    """

    feature: str
    position: int
    share: float
    low: float
    high: float
    few: bool = False
    changes: str = ""
    each: tuple[float, ...] = ()
    parts: Literal["episodes", "seeds", "trainings"] = "episodes"
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Returns:
    """The mean undiscounted return of the episodes that were not ended by a fault, with its interval.

    Of fewer episodes than have an interval, `each` has their own returns.
    """

    mean: float
    low: float
    high: float
    n: int
    each: tuple[float, ...] = ()


@dataclass(frozen=True)
class Residuals:
    """The residuals of a method, relative to the std of the target value over the explained steps.

    Attributes:
        largest: the largest magnitude; infinite if the target value never changes and a residual is left.
        over: at how many steps the values are less exact than the method promises; if it promises nothing, at how many
            the residual is larger than 1 %.
    """

    largest: float
    over: int


@dataclass(frozen=True, eq=False)
class SummaryData:
    """The data of a `Summary`; its docstring describes each attribute."""

    key: str
    policy: str
    environment: str
    method: str
    target: str
    effect: str
    unit: str
    labels: tuple[str, ...]
    detail: LevelName
    features: tuple[str, ...]
    elements: tuple[np.ndarray, ...]
    units: tuple[str, ...]
    n: int
    n_steps: int
    episodes: int
    non_finite: int
    all_zero: float
    residuals: Residuals | None
    outcomes: tuple[Outcome, ...]
    returns: Returns
    overall: Statistics
    by_action: Mapping[str, Statistics]
    std: np.ndarray | None
    level: float
    magnitudes: np.ndarray
    caveats: tuple[Caveat, ...]
    unseen: tuple[str, ...] = ()
    apart: str = ""
    inside: tuple[SummaryData, ...] = ()
    nouns: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()

    @property
    def rows(self) -> list[tuple[str, np.ndarray]]:
        """The features with the positions of their elements, as other functions of this room take groups."""
        return list(zip(self.features, self.elements, strict=True))

    @property
    def noun(self) -> str:
        """What the features are, if all are the same: "region", "kind of object"; else "feature"."""
        return self.nouns[0] if len(set(self.nouns)) == 1 else "feature"

    def position(self, feature: str) -> int:
        """The position of a feature, or of a region of an image, in `features`.

        Raises:
            UnknownNameError: no feature has this name.
        """
        if feature not in self.features:
            raise unknown_name("feature", feature, self.features)
        return self.features.index(feature)

    def top(self, k: int | None = None, *, action: str = "") -> tuple[Ranked, ...]:
        """The k features that matter most, over all targets together; all by default.

        Ranked by the standardized share if the unit is "score per unit", else by the share.
        """
        statistics = self.by_action[action] if action else self.overall
        importance, few, each = statistics.importance, statistics.few, statistics.each_importance
        order = np.argsort(-importance.value, kind="stable")  # NaN comes last
        return tuple(
            replace(
                ranked_at(self.features, importance, position),
                few=bool(few[position]),
                each=tuple(map(float, each[:, position])),
            )
            for position in map(int, order[:k])
        )


def ranked_at(names: Sequence[str], shares: Interval, position: int) -> Ranked:
    """The feature at a position, with its share.

    Args:
        names: the names of all features.
        shares: the share of each feature, `[feature]`.
        position: the position of the feature.
    """
    value, low, high = (float(end[position]) for end in (shares.value, shares.low, shares.high))
    return Ranked(names[position], position, value, low, high)


def ranked_features(summary: SummaryData, action: str = "") -> tuple[Ranked, ...]:
    """All features, those that matter most first, as `Summary.top`.

    For the target `decision`, a feature's share is how much it changes the choice, or the dimension of the action, that
    it changes most; these are not shares of a whole.
    """
    if summary.target != DECISION:
        return summary.top(action=action)
    statistics = summary.by_action[action] if action else summary.overall
    mean, each, changes = statistics.mean, statistics.each.get("mean"), []
    for ranked in summary.top(action=action):
        label = _most_changed(summary, ranked.position)
        index = (label, ranked.position)
        value, low, high = (float(part[index]) for part in (mean.value, mean.low, mean.high))
        apart = () if each is None else tuple(map(float, each[:, label, ranked.position]))
        changed = replace(ranked, share=value, low=low, high=high, each=apart, changes=_changed(summary, label))
        changes.append(changed)
    return tuple(sorted(changes, key=lambda change: -change.share))


def leaders(summary: SummaryData, action: str = "") -> tuple[Ranked, ...]:
    """The most important feature, and all that cannot be told apart from it; a single feature if its lead is certain.

    A lead is certain if the interval of the difference from each other feature, in the same episodes and with the
    same references, is above 0. Features that do not matter are never among them; without steps there are none.
    """
    statistics = summary.by_action[action] if action else summary.overall
    if summary.target == DECISION:
        labels = [_most_changed(summary, position) for position in range(len(summary.features))]
        positions = np.arange(len(labels))
        mean = statistics.drawn["mean"]
        drawn = mean.map(lambda numbers: numbers[..., labels, positions])
    else:
        drawn = statistics.drawn_importance
    order = standing(drawn, summary.level)
    tied = set(order.order[: order.leaders].tolist())
    return tuple(ranked for ranked in ranked_features(summary, action) if ranked.position in tied and ranked.share > 0)


def is_continuous(summary: SummaryData) -> bool:
    """Whether a summary of the target `decision` has continuous actions."""
    return summary.labels[0].startswith(f"{DECISION}:")


def _most_changed(summary: SummaryData, position: int) -> int:
    return int(summary.overall.mean.value[:, position].argmax())


def _changed(summary: SummaryData, label: int) -> str:
    """The choice, or the dimension of the action, of a label; "" if there is only one."""
    if len(summary.labels) == 1:
        return ""
    return summary.labels[label].removeprefix(f"{DECISION}:") if is_continuous(summary) else f"choice {label}"
