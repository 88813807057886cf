"""Summarizes a recording: numbers per feature, with intervals."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from itertools import islice
from typing import Any

import numpy as np

from rltools._util.limits import check_level
from rltools.ablation import ablations
from rltools.errors import CorruptError
from rltools.recording import Outcome, Recording, check_recording
from rltools.stats import FEWEST_REPORTED, across
from rltools.summary._actions import named_actions
from rltools.summary._data import Residuals, Returns
from rltools.summary._estimates import Statistics, estimate_alike
from rltools.summary._find_caveats import caveats_of_sums, unseen_features
from rltools.summary._find_losses import find_loss_lead
from rltools.summary._levels import Level, LevelName, inner_levels, level_of
from rltools.summary._summary import Summary
from rltools.summary._sums import Sums, collect
from rltools.summary.finding import Finding

RESIDUAL_LIMIT = 0.01
"""Steps count as inexact if their residual exceeds this share of the std of the target value."""


def summarize(
    recording: Recording,
    *,
    method: str | None = None,
    target: str | None = None,
    window: int = 0,
    detail: LevelName = "variables",
    level: float = 0.95,
) -> Summary:
    """How much each feature matters, with intervals over the episodes and over the states that it is compared with.

    Intervals contain the truth in a share `level` of all runs with other episodes and, if the method compares with
    visited states or draws noise or orders, with other draws. They are jackknife intervals with quantiles of Student's
    t; docs/uncertainty.md reports their coverage.

    Args:
        recording: a recording with at least one attribution.
        method: the method of the attribution, or the name of its folder; None for the method that predicts best.
        target: the target as text; None for the default one.
        window: how many observations of a recurrent policy the attribution is over; 0 for the current one alone.
        detail: how fine the features are. "variables": an element of a vector, a choice as a whole or, where the
            method explains factors, each of its factors, an entry of a Dict or Tuple, and the regions of an observation
            that is an image alone. "regions": inside these, the regions of images and the elements of vectors.
            "elements": the finest, each channel of a region, each value of a choice and each lag. "objects": each kind
            of object in an image of cells, if the environment's card names them. Values are summed over the elements
            of a feature at each step, with their signs, before the magnitude is taken.
        level: the level of the intervals, between 0 and 1.

    Raises:
        RecordingError: no attribution fits, or an episode is not explained yet.
        ArgumentError: a level outside 0 to 1, no such detail, or no recording.

    Several targets that were explained together are pooled; if their scores differ, as in `centered:chosen & value`,
    all scores have equal weights. Episodes are read one at a time, and only sums and residuals stay in memory.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> recording = rltools.explain(recording, policy, method="gradient")
        >>> summary = rltools.summarize(recording, method="gradient")
        >>> summary.top(1)[0].feature
        'pole angular velocity'
        >>> f"{summary.top(1)[0].share:.1f}"
        '0.5'
    """
    check_recording(recording)
    check_level(level)
    key = recording.find(method, target, window)
    own = level_of(recording, key, detail)
    levels = (own, *(inner_levels(recording, key) if detail == "variables" else ()))
    collected = collect(recording, key, levels)
    outer, *inner = (_summary(recording, key, each, sums, level) for each, sums in zip(levels, collected, strict=True))
    return replace(outer, inside=tuple(inner), losses=tuple(_losses(recording, level)))


def _losses(recording: Recording, level: float) -> Iterator[Finding]:
    """What the return loses most with, of the ablation that pages show; nothing if it is damaged."""
    with suppress(CorruptError):
        for ablation in islice(ablations(recording), 1):
            yield find_loss_lead(ablation, level=level)


def _summary(recording: Recording, key: str, rows: Level, sums: Sums, level: float) -> Summary:
    """The summary at one level of detail."""
    spec, features = recording.spec(key), recording.features_of(key)
    overall, groups = estimate_alike(sums, 0, level, spec.unit, spec.labels), rows.groups

    @cache  # most of thousands of actions were never taken, and share one category
    def of_category(category: int) -> Statistics:
        return estimate_alike(sums, category, level, spec.unit, spec.labels)

    return Summary(
        key=key,
        policy=recording.header.policy,
        environment=recording.header.environment_id,
        method=spec.method,
        target=spec.target,
        effect=spec.effect,
        unit=spec.unit,
        labels=spec.labels,
        detail=rows.name,
        features=rows.names,
        elements=tuple(elements for _, elements in groups),
        units=tuple(
            features.units[elements[0]] if features.units and len(elements) == 1 else "" for _, elements in groups
        ),
        n=overall.n,
        n_steps=int(sums.steps.sum()),
        episodes=len(sums.steps),
        non_finite=int(sums.failed.sum()),
        all_zero=float(sums.zero.sum() / overall.n) if overall.n else float("nan"),
        residuals=_residuals(sums),
        outcomes=sums.outcomes,
        returns=_returns(sums.outcomes, level),
        overall=overall,
        by_action=ByName(named_actions(recording), lambda action: of_category(sums.category(action))),
        std=sums.std,
        level=level,
        magnitudes=sums.magnitudes,
        caveats=caveats_of_sums(recording, key, sums, overall, groups),
        unseen=unseen_features(recording, key, groups, overall),
        apart=recording.distinguishing_settings(key),
        nouns=_nouns(recording, key, rows),
        factors=() if spec.decoded else tuple(factor.name for each in recording.features.factors for factor in each),
    )


def _nouns(recording: Recording, key: str, rows: Level) -> tuple[str, ...]:
    """What each row is, in a word."""
    features = recording.features_of(key)
    features = features.observation or features
    images = [part for part in features.parts if part.is_image]

    def noun(name: str, first: int) -> str:
        part = next((part for part in images if part.start <= first % features.size < part.stop), None)
        if part is None or name == part.leaf.name:
            return "feature"
        return "kind of object" if rows.name == "objects" else "region"

    return tuple(noun(name, int(elements[0])) for name, elements in rows.groups)


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


def _returns(outcomes: Sequence[Outcome], level: float) -> Returns:
    rewards = np.array([outcome.total_reward for outcome in outcomes if outcome.ended != "fault"])
    if len(rewards) == 0:
        return Returns(float("nan"), float("nan"), float("nan"), 0)
    mean = across(rewards).reported(level)
    each = tuple(rewards.tolist()) if len(rewards) < FEWEST_REPORTED else ()
    return Returns(float(mean.value), float(mean.low), float(mean.high), len(rewards), each)


class ByName(Mapping[str, Statistics]):
    """The statistics of each name, computed on first access, because many actions and features take a while.

    Args:
        names: the names, in order.
        compute: takes the position of a name and returns its statistics.
    """

    def __init__(self, names: Sequence[str], compute: Callable[[int], Statistics]) -> None:
        self._positions = {name: position for position, name in enumerate(names)}
        self._compute = compute
        self._computed: dict[str, Statistics] = {}

    def __getitem__(self, name: str) -> Statistics:
        """The statistics of a name."""
        if name not in self._computed:
            self._computed[name] = self._compute(self._positions[name])
        return self._computed[name]

    def __reduce__(self) -> tuple[type, tuple[dict[str, Statistics]]]:
        """Pickle as a dict of all statistics, without the data that they are computed from."""
        return dict, (dict(self),)

    def __deepcopy__(self, memo: dict[int, Any]) -> ByName:
        """A copy that computes as lazily."""
        copied = ByName(tuple(self), self._compute)
        copied._computed = copy.deepcopy(self._computed, memo)
        return copied

    def __repr__(self) -> str:
        """The names; nothing is computed for this."""
        return f"{type(self).__name__}({', '.join(map(repr, self))})"

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._positions)

    def __len__(self) -> int:
        """How many names there are."""
        return len(self._positions)
