"""From a recording to numbers per feature, with intervals."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from numbers import Real
from typing import Any

import numpy as np

from rltools.attributions import is_per_feature_unit
from rltools.errors import ArgumentError
from rltools.recording import Outcome, Recording, check_recording
from rltools.stats import across
from rltools.summary._estimates import Statistics, estimate
from rltools.summary._notes import notes, unseen_features, unseen_note
from rltools.summary._summary import Residuals, Returns, Summary
from rltools.summary._sums import Sums, collect, named_actions
from rltools.summary.episodes import feature_std

RESIDUAL_LIMIT = 0.01
"""A step whose residual exceeds this part of the score's spread is counted."""


def summarize(
    recording: Recording,
    *,
    method: str | None = None,
    target: str | None = None,
    window: int = 0,
    merged: bool = False,
    level: float = 0.95,
) -> Summary:
    """How much each feature matters, with intervals over the episodes and over the states that it is compared with.

    Intervals hold the truth in a share `level` of all runs with other episodes and, where the method compares with
    visited states or draws noise or orders, with another draw of these. They are jackknife intervals with quantiles of
    Student's t; docs/uncertainty.md has how often they hold.

    Args:
        recording: with at least one attribution.
        method: which, where several were recorded, or the name of an attribution's folder; None takes the one that
            predicts best.
        target: as text, likewise.
        window: of attributions over so many observations of a recurrent policy; 0 for those of the moment.
        merged: count a choice (Discrete, MultiDiscrete) as one feature, the sum of its one-hot entries.
        level: of the intervals, between 0 and 1.

    Raises:
        RecordingError: nothing that fits was explained, or an episode is not explained yet.
        ArgumentError: a level outside 0 to 1, or what is given is no recording.

    Several targets that were explained together are pooled; where their scores differ, say `centered:chosen & value`,
    each score counts the same. Reads one episode at a time and keeps sums of each; where the method has residuals,
    these too.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40)
        >>> recording = rltools.explain(recording, policy)
        >>> summary = rltools.summarize(recording, method="gradient")
        >>> summary.top(1)[0].feature
        'pole angular velocity'
        >>> f"{summary.top(1)[0].share:.1f}"
        '0.5'
    """
    check_recording(recording)
    if not isinstance(level, Real) or not 0 < level < 1:
        raise ArgumentError(f"level={level!r}: the level is between 0 and 1, for instance 0.95")
    key = recording.find(method, target, window)
    spec, features = recording.spec(key), recording.features_of(key)
    std = feature_std(recording, key) if is_per_feature_unit(spec.unit) else None
    sums = collect(recording, key, std, merged=merged)
    overall = estimate_alike(sums, 0, level, spec.unit, spec.labels)
    groups = spec.rows(features, merged=merged)
    names = tuple(name for name, _ in groups)

    @cache  # of thousands of actions most were never taken, and are one category
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
        features=names,
        units=tuple(features.units[at[0]] if features.units and len(at) == 1 else "" for _, at in groups),
        n=overall.n,
        n_steps=int(sums.steps.sum()),
        episodes=len(sums.steps),
        non_finite=int(sums.failed.sum()),
        all_zero=float(sums.zero.sum() / overall.n) if overall.n else float("nan"),
        residuals=_residuals(sums),
        outcomes=sums.outcomes,
        returns=_returns(sums.outcomes, level),
        overall=overall,
        by_action=ByName(named_actions(recording), lambda at: of_category(sums.category(at))),
        std=std,
        level=level,
        notes=notes(recording, key, sums, overall, groups, unseen_note(recording, key, groups, overall)),
        unseen=unseen_features(recording, key, groups, overall),
        apart=recording.told_apart(key),
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


def _returns(outcomes: Sequence[Outcome], level: float) -> Returns:
    rewards = np.array([outcome.total_reward for outcome in outcomes if outcome.ended != "fault"])
    if len(rewards) == 0:
        return Returns(float("nan"), float("nan"), float("nan"), 0)
    found = across(rewards).interval(level)
    return Returns(float(found.value), float(found.low), float(found.high), len(rewards))


class ByName(Mapping[str, Statistics]):
    """Statistics of each name, made at first sight: of many actions and features they take a while.

    Args:
        names: in their order.
        made: from the position of a name to its statistics.
    """

    def __init__(self, names: Sequence[str], made: Callable[[int], Statistics]) -> None:
        self._positions = {name: at for at, name in enumerate(names)}
        self._made = made
        self._known: dict[str, Statistics] = {}

    def __getitem__(self, name: str) -> Statistics:
        """The statistics of a name."""
        if name not in self._known:
            self._known[name] = self._made(self._positions[name])
        return self._known[name]

    def __reduce__(self) -> tuple[type, tuple[dict[str, Statistics]]]:
        """A dict of all of them: what they are made from stays where it is."""
        return dict, (dict(self),)

    def __deepcopy__(self, memo: dict[int, Any]) -> ByName:
        """A copy that is as lazy."""
        copied = ByName(tuple(self), self._made)
        copied._known = copy.deepcopy(self._known, memo)
        return copied

    def __repr__(self) -> str:
        """The names; what is not made yet is not made for this."""
        return f"{type(self).__name__}({', '.join(map(repr, self))})"

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._positions)

    def __len__(self) -> int:
        """How many names there are."""
        return len(self._positions)


def scores_of(labels: Sequence[str]) -> tuple[str, ...]:
    """The score of each target by its label, which is what it is a number of.

    >>> scores_of(("centered:left", "centered[1]:right", "value"))
    ('centered', 'centered', 'value')
    """
    return tuple(re.split(r"[\[:]", label, maxsplit=1)[0] for label in labels)


def estimate_alike(sums: Sums, category: int, level: float, unit: str, labels: Sequence[str]) -> Statistics:
    """`estimate`, where no score counts for more because its numbers are larger.

    Targets of one score are pooled as they are. Of several scores, say `centered:chosen & value`, the share over all
    targets together is the mean of the shares in each score, but for scores with attributions of 0 only. How large a
    score's attributions are in all is taken as known when intervals are made.
    """
    found = estimate(sums, category, level, unit)
    scores = scores_of(labels)
    if len(set(scores)) < 2:
        return found
    scale = _of_one_size(sums.totals, category, scores)
    without = None if sums.without is None else sums.without * scale
    alike = estimate(replace(sums, totals=sums.totals * scale, without=without), category, level, unit)
    pooled = ("pooled_share", "standardized_pooled_share")
    return replace(
        found,
        pooled_share=alike.pooled_share,
        standardized_pooled_share=alike.standardized_pooled_share,
        drawn={name: (alike if name in pooled else found).drawn[name] for name in found.drawn},
    )


def _of_one_size(totals: np.ndarray, category: int, scores: Sequence[str]) -> np.ndarray:
    """What makes the magnitudes of each score sum to 1, of totals `[episode, category, kind, target, group]`."""
    sizes = totals[:, category, 1::2].sum(axis=(0, 3))  # of each kind of magnitudes, [kind, target]
    scale = np.ones_like(sizes)
    for score in set(scores):
        at = [place for place, other in enumerate(scores) if other == score]
        whole = sizes[:, at].sum(axis=1, keepdims=True)
        scale[:, at] = np.divide(1, whole, out=np.ones_like(whole), where=whole > 0)
    return np.repeat(scale, 2, axis=0)[..., None]
