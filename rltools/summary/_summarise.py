"""How much each feature matters to an agent, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rltools.discovery import unknown
from rltools.errors import ArgumentError
from rltools.recording import Outcome, Recording
from rltools.summary._estimates import Bootstrap, Statistics, estimate
from rltools.summary._steps import state_deviation
from rltools.summary._sums import Sums, collect, named_actions

if TYPE_CHECKING:
    import pandas as pd

RESIDUAL_LIMIT = 0.01
"""A step whose residual exceeds this part of the score's spread is counted."""


@dataclass(frozen=True)
class Ranked:
    """One feature among those that matter most.

    Attributes:
        feature: its name.
        position: its place among `Summary.features`.
        share: of the importance of all features, from 0 to 1.
        low: lower end of the interval; NaN with fewer than two episodes.
        high: upper end; likewise.
    """

    feature: str
    position: int
    share: float
    low: float
    high: float


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
        over: at how many steps the residual is larger than the method promises; than 1 % where it promises nothing.
    """

    largest: float
    over: int


@dataclass(frozen=True, eq=False)
class Summary:
    """How much each feature matters, pooled over steps, with intervals from resampled episodes.

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
        returns: of the episodes.
        overall: the statistics of all used steps.
        by_action: those of the steps at which each action was taken; empty for continuous actions.
        deviation: `[entry]`, standard deviation of the observations, which standardised attributions are multiplied
            with; for images it is taken as known when intervals are made. None where the unit is not "score per unit".
        level: of the intervals.
        notes: caveats that belong beside every number.
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
    returns: Returns
    overall: Statistics
    by_action: dict[str, Statistics]
    deviation: np.ndarray | None
    level: float
    notes: tuple[str, ...]

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

        Ranked by the standardised share where the unit is "score per unit", else by the share.
        """
        found = (self.by_action[action] if action else self.overall).importance
        order = np.argsort(-found.value, kind="stable")  # NaN comes last
        return tuple(
            Ranked(self.features[at], int(at), float(found.value[at]), float(found.low[at]), float(found.high[at]))
            for at in order[:k]
        )

    @property
    def table(self) -> pd.DataFrame:
        """One row for each feature, target and action ("" is every action), each statistic with its interval."""
        from rltools.summary._table import to_table

        return to_table(self)

    @property
    def findings(self) -> tuple[str, ...]:
        """What it says, in short sentences."""
        from rltools.summary._findings import findings

        return findings(self)


def summarise(
    recording: Recording,
    *,
    method: str | None = None,
    target: str | None = None,
    window: int = 0,
    merged: bool = False,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Summary:
    """How much each feature matters, with percentile bootstrap intervals; the episode is what is resampled.

    Args:
        recording: with at least one attribution.
        method: which, where several were recorded; None takes the one that predicts best.
        target: as text, likewise.
        window: of attributions over so many observations of a recurrent policy; 0 for those of the moment.
        merged: count a choice (Discrete, MultiDiscrete) as one feature, the sum of its one-hot entries.
        level: of the intervals, between 0 and 1.
        resamples: how often the episodes are drawn anew.
        seed: of these draws.

    Raises:
        RecordingError: nothing that fits was explained, or an episode is not explained yet.
        ArgumentError: a level outside 0 to 1, or no resamples.

    Reads one episode at a time and keeps sums of each; where the method has residuals, these too.
    """
    if not 0 < level < 1 or resamples < 1:
        raise ArgumentError(
            f"level={level!r} and resamples={resamples!r}: the level is between 0 and 1, for instance 0.95, and there "
            f"is at least 1 resample, for instance 2000"
        )
    key = recording.find(method, target, window)
    question, features = recording.question(key), recording.features_of(key)
    deviation = state_deviation(recording, key) if question.unit == "score per unit" else None
    sums = collect(recording, key, deviation, merged=merged)
    bootstrap = Bootstrap(level, resamples, seed)
    overall = estimate(sums, 0, bootstrap)
    groups = features.groups(merged=merged)
    names = tuple(name for name, _ in groups)
    outcomes = recording.outcomes()
    return Summary(
        key=key,
        policy=recording.header.policy,
        environment=recording.header.environment_id,
        method=question.method,
        target=question.target,
        effect=question.effect,
        unit=question.unit,
        labels=question.labels,
        features=names,
        units=tuple(features.units[at[0]] if features.units and len(at) == 1 else "" for _, at in groups),
        n=overall.n,
        n_steps=int(sums.steps.sum()),
        episodes=len(sums.steps),
        non_finite=int(sums.failed.sum()),
        all_zero=float(sums.zero.sum() / overall.n) if overall.n else float("nan"),
        residuals=_residuals(sums),
        returns=_returns(outcomes, bootstrap),
        overall=overall,
        by_action={name: estimate(sums, 1 + at, bootstrap) for at, name in enumerate(named_actions(recording))},
        deviation=deviation,
        level=level,
        notes=_notes(recording, sums, overall, outcomes, question.every),
    )


def _residuals(sums: Sums) -> Residuals | None:
    if sums.residuals is None:
        return None
    if len(sums.scores) == 0:
        return Residuals(float("nan"), 0)
    left = np.abs(sums.residuals.astype(np.float64))
    spread = np.broadcast_to(sums.scores.std(axis=0, dtype=np.float64), left.shape)
    relative = np.divide(left, spread, out=np.where(left > 0, np.inf, 0.0), where=spread > 0)
    over = int((relative > RESIDUAL_LIMIT).any(axis=1).sum()) if sums.incomplete is None else sums.incomplete
    return Residuals(float(relative.max()), over)


def _returns(outcomes: list[Outcome], bootstrap: Bootstrap) -> Returns:
    rewards = np.array([outcome.total_reward for outcome in outcomes if outcome.ended != "fault"])
    if len(rewards) == 0:
        return Returns(float("nan"), float("nan"), float("nan"), 0)
    found = bootstrap.intervals(lambda weights: {"mean": weights @ rewards / len(rewards)}, len(rewards))["mean"]
    return Returns(float(found.value), float(found.low), float(found.high), len(rewards))


def _notes(
    recording: Recording, sums: Sums, overall: Statistics, outcomes: list[Outcome], every: int
) -> tuple[str, ...]:
    faults = sum(outcome.ended == "fault" for outcome in outcomes)
    damaged = len(recording) - len(sums.steps)
    skipped = int(sums.steps.sum()) - overall.n
    one_in = f"one in {every} is explained, evenly, to bound the work"
    why = one_in if every > 1 else "not explained, or without a finite attribution"
    said = {
        "n = 0: there are no explained steps": overall.n == 0,
        "no intervals: only one episode has explained steps, and episodes are what is resampled": overall.episodes == 1,
        f"the intervals rest on {overall.episodes} episodes and tend to be too narrow": 2 <= overall.episodes < 20,
        f"{skipped} of {sums.steps.sum()} steps are left out: {why}": skipped,
        f"at {sums.clipped} of {overall.n} explained steps the normalisation clips an entry of the observation, "
        "which no gradient passes through": sums.clipped,
        f"at {sums.forced} of {overall.n} steps only one action was allowed, so nothing decides": sums.forced,
        f"{damaged} of {len(recording)} episodes cannot be read and are left out": damaged,
        f"{faults} of {len(outcomes)} episodes were ended by a fault; their returns do not count": faults,
    }
    return tuple(text for text, holds in said.items() if holds)
