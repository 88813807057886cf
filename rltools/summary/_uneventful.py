"""Finds steps in which nothing happens, and how the ranking reads without them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from rltools.recording import Episode, Outcome, Recording
from rltools.recording.batches import explained_batches
from rltools.summary._actions import EVERY
from rltools.summary._data import DECISION, Ranked, SummaryData, ranked_at
from rltools.summary._draw_sums import DrawSums
from rltools.summary._levels import level_of
from rltools.summary._magnitudes import Magnitudes
from rltools.summary._totals import Totals
from rltools.summary.episodes import flat, usable
from rltools.summary.finding import NAMED, Finding

FEWEST_ALIKE = 20
"""How many steps in a row must be alike: fewer can be a flight between two decisions."""
SMALL_CHANGE = 0.05
"""How much of its std over the recording a continuous action may change from step to step."""
SMALL_RANGE = 0.5
"""How much of its std a continuous action may wander while it counts as the same."""
SMALL_DRIFT = 0.25
"""How much of its std a score of a discrete action may wander over `FEWEST_ALIKE` steps: in a flight it drifts more."""


@dataclass(frozen=True)
class Uneventful:
    """The steps of a recording in which nothing happens.

    Attributes:
        steps: for each episode by number, bool `[step]`.
        count: how many there are.
        total: how many steps there are.
    """

    steps: Mapping[int, np.ndarray]
    count: int
    total: int


def uneventful_steps(recording: Recording) -> Uneventful:
    """The steps in which action and scores stay as they are, such as those of a lander at rest.

    A step counts if it is among 20 in a row in which the same action is taken and each score of an action stays within
    a quarter of its std over the recording, so that a slow movement does not count. Continuous actions have no score:
    a stretch of at least 20 steps counts if the outputs of the policy's first head change by less than 5 % of their std
    from each step to the next, and stay within half of it from the beginning to the end of the stretch.

    Args:
        recording: the recording; nothing needs to be explained.

    Example:
        >>> import rltools
        >>> from rltools.summary import uneventful_steps
        >>> recording = rltools.record(rltools.load_policy("cartpole-ppo"), episodes=2, max_steps=60)
        >>> uneventful_steps(recording).count
        0
    """
    episodes = [recording.episode(outcome.number) for outcome in recording.readable_outcomes()]
    scores = [flat(episode.scores, 1).astype(np.float64) for episode in episodes]
    spread = np.concatenate(scores).std(axis=0) if any(map(len, scores)) else np.ones(1)
    spread = np.where(spread > 0, spread, 1.0)
    discrete = _is_discrete(recording)
    steps = {
        episode.outcome.number: _uneventful(episode, of_episode / spread, discrete=discrete)
        for episode, of_episode in zip(episodes, scores, strict=True)
    }
    return Uneventful(steps, sum(int(each.sum()) for each in steps.values()), sum(map(len, steps.values())))


def _is_discrete(recording: Recording) -> bool:
    return bool(recording.header.branches) or recording.header.action_start is not None


def _uneventful(episode: Episode, scores: np.ndarray, *, discrete: bool) -> np.ndarray:
    """Bool `[step]`, from `scores [step, k]` in units of their std."""
    nothing = np.zeros(len(episode), dtype=bool)
    if discrete:
        actions = flat(episode.actions, 1)
        alike = (actions[1:] == actions[:-1]).all(axis=1)
    else:
        alike = np.abs(np.diff(scores, axis=0)).max(axis=1, initial=0.0) < SMALL_CHANGE
    for first, last in _stretches(alike):
        stretch = scores[first : last + 1]
        if len(stretch) < FEWEST_ALIKE:
            continue
        if discrete:
            nothing[first : last + 1] = _steady(stretch)
        else:
            nothing[first : last + 1] = np.ptp(stretch, axis=0).max() < SMALL_RANGE
    return nothing


def _steady(scores: np.ndarray) -> np.ndarray:
    """Bool `[step]`, from `scores [step, k]`: whether a step is among enough in a row between which no score drifts."""
    windows = np.lib.stride_tricks.sliding_window_view(scores, FEWEST_ALIKE, axis=0)
    starts = np.flatnonzero((windows.max(axis=-1) - windows.min(axis=-1)).max(axis=1) < SMALL_DRIFT)
    opened = np.zeros(len(scores) + 1, dtype=np.int32)
    opened[starts] += 1
    opened[starts + FEWEST_ALIKE] -= 1
    steady: np.ndarray = opened[:-1].cumsum() > 0
    return steady


def _stretches(alike: np.ndarray) -> Iterator[tuple[int, int]]:
    """The first and the last step of each stretch, from bool `[step - 1]`: whether a step is like the one before."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], alike, [False]])))
    return ((int(first), int(last)) for first, last in edges.reshape(-1, 2))


def find_uneventful(recording: Recording, summary: SummaryData) -> Finding | None:
    """How many steps are uneventful, and how the first three features read without them.

    Args:
        recording: the recording of the summary.
        summary: of one of its attributions, of targets of one score.

    Returns:
        A finding of kind "uneventful". `part` is "same" if the first three features and their order stay as they are,
        and "other" if not; `subjects` are the first three without these steps, and `parts` those that were among them
        and are not any more, with their rank as `n`. None if something happens at all steps, or at none.
    """
    uneventful = uneventful_steps(recording)
    if not uneventful.count or summary.target == DECISION or not summary.n:
        return None
    ranked = _ranked_without(recording, summary, uneventful)
    if not ranked:
        return None
    before = tuple(each.feature for each in summary.top(NAMED))
    after = tuple(each.feature for each in ranked[:NAMED])
    return Finding(
        "uneventful",
        ranked[:NAMED],
        method=summary.method,
        target=summary.target,
        standardized=summary.std is not None,
        part="same" if before == after else "other",
        context=before,
        n=uneventful.count,
        total=uneventful.total,
        level=summary.level,
        continuous=not _is_discrete(recording),
        parts=tuple(
            Finding("uneventful", (each,), n=rank)
            for rank, each in enumerate(ranked, 1)
            if rank > NAMED and each.feature in before
        ),
    )


def _ranked_without(recording: Recording, summary: SummaryData, uneventful: Uneventful) -> tuple[Ranked, ...]:
    """All features by their shares over the other steps; empty if an episode has none left and nothing remains."""
    level = level_of(recording, summary.key, summary.detail)
    draws = DrawSums(recording, summary.key, level, summary.std)
    sizes = Totals()
    outcomes: list[Outcome] = []
    for batch in explained_batches(recording, summary.key, states=level.kinds is not None):
        eventful = ~np.concatenate([uneventful.steps[outcome.number] for outcome in batch.outcomes])
        rows = usable(batch.attribution.values) & eventful
        values = flat(batch.attribution.values, 2)[rows].astype(np.float64)
        values = values if summary.std is None else values * summary.std
        observed = None if batch.states is None else flat(batch.states, 1)[rows]
        every = np.full(len(batch), EVERY)
        magnitudes = np.abs(level.summed(values, observed)).sum(axis=1)
        sizes.add(len(outcomes) + batch.owners[rows], every[rows], magnitudes)
        draws.add(batch, len(outcomes), rows, every)
        outcomes += batch.outcomes
    numbers = [outcome.number for outcome in outcomes]
    of_episodes = sizes.array(len(numbers), [EVERY], (len(level.groups),))[:, 0]
    mattering = Magnitudes(of_episodes, draws.sizes(len(numbers)), draws.origins(numbers)).mattering()
    if not len(mattering.sizes):
        return ()

    def shares(total: np.ndarray) -> dict[str, np.ndarray]:
        return {"": total / total.sum(axis=1, keepdims=True)}

    share = mattering.drawn(shares)[""].reported(summary.level, "share")
    order = np.argsort(-share.value, kind="stable")
    return tuple(ranked_at(summary.features, share, int(position)) for position in order)
