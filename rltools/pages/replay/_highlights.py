"""Moments of an episode worth a look, found without anybody watching it.

After Amir and Amir (2018), HIGHLIGHTS: Summarizing Agent Behavior to People, AAMAS: states matter where the best action
is far above the others. Beside that: where the policy is least sure, where what it looks at changes, and what it got.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rltools.attributions import is_per_feature_unit
from rltools.recording import Attribution, Episode, Header

AT_ONCE = 1 << 19
"""So many numbers are widened to float64 at a time: of a long episode all of them would be larger than itself."""
SECONDS = 2.0
"""So long before the environment ends an episode its end is looked at."""


@dataclass(frozen=True)
class Highlight:
    """A step and why it is worth a look.

    Attributes:
        step: of the episode.
        kind: "gap", "entropy", "attribution", "reward" or "end".
        text: in words, with the figure and its unit.
    """

    step: int
    kind: str
    text: str


def highlights(
    episode: Episode, header: Header, attribution: Attribution | None, spread: np.ndarray | None, speed: float
) -> list[Highlight]:
    """The moments of an episode, in the order of their steps; of equals the first.

    Args:
        episode: with at least one step, else there are none.
        header: of its recording.
        attribution: of this episode; None where nothing was explained.
        spread: the standard deviation of each feature `[entry]`, by which values in "score per unit" are multiplied.
        speed: steps a second.
    """
    if len(episode) == 0:
        return []
    found = [*_scores(episode, header), *_attribution(attribution, spread), *_reward(episode), *_end(episode, speed)]
    return sorted(found, key=lambda moment: moment.step)


def _pieces(steps: int, size: int) -> Iterator[slice]:
    """A part of the steps at a time, each of which has so many numbers."""
    few = max(1, AT_ONCE // max(1, size))
    return (slice(start, start + few) for start in range(0, steps, few))


def _allowed_scores(episode: Episode, steps: slice) -> np.ndarray:
    """Scores `[step, k]` in float64, minus infinity for an action that was not allowed."""
    scores = episode.scores[steps].reshape(len(episode.scores[steps]), -1).astype(np.float64)
    masks = None if episode.masks is None else episode.masks[steps]
    return scores if masks is None or masks.shape != scores.shape else np.where(masks, scores, -np.inf)


def _scores(episode: Episode, header: Header) -> Iterator[Highlight]:
    count = episode.scores.reshape(len(episode), -1).shape[1]
    if header.action_start is None or count < 2:
        return
    gap, entropy = np.empty(len(episode)), np.empty(len(episode))
    for steps in _pieces(len(episode), count):
        scores = _allowed_scores(episode, steps)
        second, best = np.partition(scores, -2, axis=1)[:, -2:].T
        gap[steps] = np.where(np.isfinite(second) & np.isfinite(best), best - second, np.nan)
        if header.score == "logit":
            shares = np.exp(scores - best[:, None])
            shares /= shares.sum(axis=1, keepdims=True)
            entropy[steps] = -np.sum(shares * np.log(np.where(shares > 0, shares, 1)), axis=1)
    if not np.isfinite(gap).any() or np.nanmax(gap) == np.nanmin(gap):
        return
    step = int(np.nanargmax(gap))
    name = _name(header, int(_allowed_scores(episode, slice(step, step + 1)).argmax()))
    unit = {"logit": "logits", "q_value": "Q"}.get(header.score, header.score)
    yield Highlight(step, "gap", f"surest: {name} is {gap[step]:.3g} {unit} above the second best")
    if header.score == "logit" and np.isfinite(entropy).any():
        step = int(np.nanargmax(entropy))
        most = np.log(np.isfinite(_allowed_scores(episode, slice(step, step + 1))).sum())
        yield Highlight(step, "entropy", f"least sure: entropy {entropy[step]:.3g} of at most {most:.3g} nats")


def _attribution(found: Attribution | None, spread: np.ndarray | None) -> Iterator[Highlight]:
    """The largest change from one explained step to the next step, summed over features."""
    if found is None or len(found) < 2:
        return
    change = np.empty(len(found) - 1)
    for steps in _pieces(len(change), found.features.size):
        values = found.values[steps.start : steps.stop + 1, 0]
        values = values.reshape(len(values), -1).astype(np.float64)
        if is_per_feature_unit(found.unit) and spread is not None:
            values *= spread
        change[steps] = np.abs(np.diff(values, axis=0)).sum(axis=1)
    if np.isfinite(change).any() and np.nanmax(change) > 0:
        step = int(np.nanargmax(change)) + 1
        yield Highlight(step, "attribution", f"largest change of attribution ({found.method} of {found.labels[0]})")


def _reward(episode: Episode) -> Iterator[Highlight]:
    rewards = np.where(np.isfinite(episode.rewards), episode.rewards, 0)
    step = int(np.abs(rewards).argmax())
    if np.ptp(np.abs(rewards)) > 0:
        what = "reward" if rewards[step] > 0 else "penalty"
        yield Highlight(step, "reward", f"largest {what}, {rewards[step]:+.4g}".replace("-", "\u2212"))


def _end(episode: Episode, speed: float) -> Iterator[Highlight]:
    """A termination may be a failure or an arrival: only people know, so only what is known is said."""
    step = len(episode) - round(SECONDS * speed)
    if episode.outcome.ended == "terminated" and step > 0:
        yield Highlight(step, "end", f"{SECONDS:g} s before the environment ended the episode")


def _name(header: Header, position: int) -> str:
    names = header.action_names
    return names[position] if position < len(names) else f"action {position}"
