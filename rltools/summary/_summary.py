"""What a summary of a recording says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rltools._util.console import whole_text
from rltools._util.discovery import unknown
from rltools._util.notebook import notebook_html
from rltools._util.short_repr import short_text, value_repr
from rltools.recording import Outcome
from rltools.stats import Interval
from rltools.summary._estimates import Statistics

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Ranked:
    """One feature among those that matter most.

    Attributes:
        feature: its name.
        position: its place among `Summary.features`.
        share: of the importance of all features, from 0 to 1.
        low: lower end of the interval; NaN with fewer than two episodes, or a few that all agree.
        high: upper end; likewise.
        few: whether so few of the episodes carry it that the interval is rough.
    """

    feature: str
    position: int
    share: float
    low: float
    high: float
    few: bool = False


@dataclass(frozen=True)
class Returns:
    """The mean undiscounted return of the episodes that were not ended by a fault, with its interval."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Residuals:
    """What a method leaves unexplained, relative to the score's standard deviation over the explained steps.

    Attributes:
        largest: magnitude; infinite where the score never changes and a residual is left.
        over: at how many steps the values are less exact than the method promises; where it promises nothing, at how
            many the residual is larger than 1 %.
    """

    largest: float
    over: int


@dataclass(frozen=True, eq=False)
class Summary:
    """How much each feature matters, pooled over steps, with intervals over episodes and references.

    Attributes:
        key: the folder name of the attribution in its recording.
        policy: the agent's name.
        environment: its id; "" for one made by a function.
        method: of the attribution.
        target: as text.
        effect: of a recurrent policy, which effect of an observation this is, in words; "" of others.
        unit: of the attribution.
        labels: one per explained scalar; the first axis of every statistic.
        features: the second axis: each entry of a vector, each region and channel of an image.
        units: of the features, "" where there is none.
        n: explained steps, which is what was used.
        n_steps: recorded steps.
        episodes: recorded ones that can be read.
        non_finite: steps whose attribution came out as NaN or infinite; they are left out.
        all_zero: share of the used steps at which the attribution is exactly 0 for every feature; NaN without steps.
        residuals: None where the method has none.
        outcomes: how each of these episodes went.
        returns: of the same episodes.
        overall: the statistics of all used steps.
        by_action: those of the steps at which each action was taken; empty for continuous actions.
        std: `[entry]`, standard deviation of the observations, which standardized attributions are multiplied
            with; for images it is taken as known when intervals are made. None where the unit is not "score per unit".
        level: of the intervals.
        notes: caveats that belong beside every number.
        unseen: features whose every attribution is 0 because no derivative sees how they are used.
        apart: what was asked otherwise than of other attributions of the same method and target, for instance
            "reference 64 visited states, seed 0"; "" where there are no others.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> recording = rltools.explain(recording, policy)
        >>> summary = rltools.summarize(recording)
        >>> [ranked.feature for ranked in summary.top(2)]
        ['pole angular velocity', 'cart velocity']
        >>> list(summary.by_action)
        ['push left', 'push right']
        >>> summary.table.columns[:4].tolist()
        ['feature', 'unit', 'target', 'action']
    """

    key: str
    policy: str
    environment: str
    method: str
    target: str
    effect: str
    unit: str
    labels: tuple[str, ...]
    features: tuple[str, ...]
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
    notes: tuple[str, ...]
    unseen: tuple[str, ...] = ()
    apart: str = ""

    def __repr__(self) -> str:
        """Of what, and the features that matter most."""
        from rltools.summary.findings import ranked_features

        first = ", ".join(f"{entry.feature} {100 * entry.share:.0f} %" for entry in ranked_features(self)[:3])
        where = f" in {value_repr(self.environment)}" if self.environment else ""
        return (
            f"Summary({value_repr(self.method)} of {value_repr(self.target)}, {value_repr(self.policy)}{where}: "
            f"{self.n:,} of {self.n_steps:,} steps, {self.episodes} episodes; "
            f"{short_text(first)})"
        )

    def _repr_html_(self) -> str | None:
        """The card that notebooks show."""
        return notebook_html(self)

    def position(self, feature: str) -> int:
        """The place of a feature, or of a region of an image, among `features`.

        Raises:
            UnknownNameError: there is none of this name.
        """
        if feature not in self.features:
            raise unknown("feature", feature, self.features)
        return self.features.index(feature)

    def top(self, k: int | None = None, *, action: str = "") -> tuple[Ranked, ...]:
        """The k features that matter most, over all targets together; all by default.

        Ranked by the standardized share where the unit is "score per unit", else by the share.
        """
        statistics = self.by_action[action] if action else self.overall
        found, few = statistics.importance, statistics.few
        order = np.argsort(-found.value, kind="stable")  # NaN comes last
        return tuple(
            Ranked(
                self.features[at],
                int(at),
                float(found.value[at]),
                float(found.low[at]),
                float(found.high[at]),
                bool(few[at]),
            )
            for at in order[:k]
        )

    @property
    def table(self) -> pd.DataFrame:
        """One row for each feature, target and action taken ("" is every one), each statistic with its interval."""
        return to_table(self)

    @property
    def findings(self) -> tuple[str, ...]:
        """What it says, in short sentences."""
        from rltools.summary.findings import findings

        return findings(self)


PER_TARGET = (
    "mean",
    "mean_absolute",
    "share",
    "standardized_mean",
    "standardized_mean_absolute",
    "standardized_share",
)


def to_table(summary: Summary) -> pd.DataFrame:
    """One row for each feature, target and action taken; statistics that the method does not have are left out."""
    import pandas as pd

    taken = {action: found for action, found in summary.by_action.items() if found.n}
    rows = [
        {
            "feature": whole_text(feature),
            "unit": whole_text(unit),
            "target": whole_text(label),
            "action": whole_text(action),
            "n": statistics.n,
            "episodes": statistics.episodes,
            "carriers": float(statistics.carriers[group]),
            **_numbers(statistics, target, group),
        }
        for action, statistics in {"": summary.overall, **taken}.items()
        for target, label in enumerate(summary.labels)
        for group, (feature, unit) in enumerate(zip(summary.features, summary.units, strict=True))
    ]
    return pd.DataFrame(rows)


def _numbers(statistics: Statistics, target: int, group: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in PER_TARGET:
        interval: Interval | None = getattr(statistics, name)
        if interval is not None:
            found[name] = float(interval.value[target, group])
            found[f"{name}_low"] = float(interval.low[target, group])
            found[f"{name}_high"] = float(interval.high[target, group])
    return found
