"""Defines a summary of a recording: its numbers, findings and table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rltools._util.console import whole_text
from rltools._util.notebook import notebook_html
from rltools._util.short_repr import short_text, value_repr
from rltools.stats import Interval
from rltools.summary._data import SummaryData, ranked_features
from rltools.summary._estimates import Statistics
from rltools.summary._find import find
from rltools.summary.caveats import Caveat
from rltools.summary.finding import Finding

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Summary(SummaryData):
    """How much each feature matters, pooled over steps, with intervals over episodes and references.

    Attributes:
        key: the folder name of the attribution in its recording.
        policy: the agent's name.
        environment: its id; "" for one made by a function.
        method: the method of the attribution.
        target: the target as text.
        effect: for a recurrent policy, which effect of an observation is explained, in words; "" for others.
        unit: the unit of the attribution.
        labels: a label for each explained scalar; the first axis of every statistic.
        detail: how fine the features are; see `rltools.summarize`.
        features: the names of the second axis.
        elements: the row-major positions of the elements of each feature; int64 `[element]` each.
        units: the units of the features; "" for none.
        n: the number of explained steps; only these count.
        n_steps: the number of recorded steps.
        episodes: the number of recorded episodes that can be read.
        non_finite: the number of steps whose attribution is NaN or infinite; they are left out.
        all_zero: share of the used steps at which the attribution of every feature is exactly 0; NaN without steps.
        residuals: the residuals; None if the method has none.
        outcomes: the outcomes of these episodes.
        returns: the returns of the same episodes.
        overall: the statistics of all used steps.
        by_action: the statistics of the steps at which each action was taken; empty for continuous actions.
        std: `[element]`, the std of the observations, the factor of standardized attributions; intervals for images
            treat it as exact. None unless the unit is "score per unit".
        level: the level of the intervals.
        magnitudes: float `[episode, feature]`, the magnitudes of each feature summed over steps and targets,
            standardized if the unit is "score per unit"; rankings are compared by them.
        caveats: the caveats for every number; `notes` has them as text.
        unseen: features whose every attribution is 0 because no derivative sees how they are used.
        apart: the parameters that differ from other attributions of the same method and target, for instance
            "reference 64 visited states, seed 0"; "" if there are no others.
        inside: summaries of what is inside the variables: regions of images and elements of vectors, and objects.
        nouns: what each feature is, in a word: "feature", "region", "kind of object".
        factors: the names of factors that a card decodes choices to, and that the method does not tell apart.
        losses: the finding on what the return loses most with, if it was measured; see `rltools.ablate`.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> recording = rltools.explain(recording, policy, method="gradient")
        >>> summary = rltools.summarize(recording)
        >>> [ranked.feature for ranked in summary.top(2)]
        ['pole angular velocity', 'cart velocity']
        >>> list(summary.by_action)
        ['push left', 'push right']
        >>> summary.table.columns[:4].tolist()
        ['feature', 'unit', 'target', 'action']
    """

    losses: tuple[Finding, ...] = ()

    def __repr__(self) -> str:
        """The attribution, the agent, and the features that matter most."""
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

    @property
    def table(self) -> pd.DataFrame:
        """A row for each feature, target and action taken ("" for all), each statistic with its interval."""
        return to_table(self)

    @property
    def findings(self) -> tuple[Finding | Caveat, ...]:
        """The findings, what was measured first and then the most important; `str` of each is a sentence."""
        return (*self.losses, *find(self))

    @property
    def notes(self) -> tuple[str, ...]:
        """The caveats as text."""
        return tuple(caveat.note for caveat in self.caveats)


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

    taken = {action: statistics for action, statistics in summary.by_action.items() if statistics.n}
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
    numbers: dict[str, float] = {}
    for name in PER_TARGET:
        interval: Interval | None = getattr(statistics, name)
        if interval is not None:
            numbers[name] = float(interval.value[target, group])
            numbers[f"{name}_low"] = float(interval.low[target, group])
            numbers[f"{name}_high"] = float(interval.high[target, group])
    return numbers
