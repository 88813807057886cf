"""Finds the moments of an episode that are worth a look.

After Amir and Amir (2018), HIGHLIGHTS: Summarizing Agent Behavior to People, AAMAS: states matter where the best action
is far above the others. Added to these are the step at which the policy is least sure, the largest change of
attributions, and the largest reward.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rltools.attributions import is_per_feature_unit
from rltools.recording import Attribution, Episode, Header

AT_ONCE = 1 << 19
"""How many numbers are converted to float64 at a time; a whole long episode would take too much memory."""
SECONDS = 2.0
"""Seconds before its end at which a terminated episode is worth a look."""


@dataclass(frozen=True)
class Highlight:
    """A step and why it is worth a look.

    Attributes:
        step: its position in the episode.
        kind: "gap", "entropy", "attribution", "reward" or "end".
        text: the reason in words, with the number and its unit.
    """

    step: int
    kind: str
    text: str


def highlights(
    episode: Episode, header: Header, attribution: Attribution | None, spread: np.ndarray | None, speed: float
) -> list[Highlight]:
    """The highlights of an episode in the order of their steps; among equal moments the first.

    Args:
        episode: the episode; without steps it has no highlights.
        header: the header of its recording.
        attribution: the attribution of this episode; None if nothing was explained.
        spread: `[element]`, the std of each element, with which values in "score per unit" are multiplied.
        speed: steps per second.
    """
    if len(episode) == 0:
        return []
    moments = [*_scores(episode, header), *_attribution(attribution, spread), *_reward(episode), *_end(episode, speed)]
    return sorted(moments, key=lambda moment: moment.step)


def _pieces(steps: int, size: int) -> Iterator[slice]:
    """Slices of the steps, each of which has `size` numbers."""
    few = max(1, AT_ONCE // max(1, size))
    return (slice(start, start + few) for start in range(0, steps, few))


def _allowed_scores(episode: Episode, steps: slice) -> np.ndarray:
    """Scores `[step, k]` in float64, minus infinity for an action that was not allowed."""
    scores = episode.scores[steps].reshape(len(episode.scores[steps]), -1).astype(np.float64)
    masks = None if episode.masks is None else episode.masks[steps]
    return scores if masks is None or masks.shape != scores.shape else np.where(masks, scores, -np.inf)


def _scores(episode: Episode, header: Header) -> Iterator[Highlight]:
    from scipy.special import entr, softmax

    count = episode.scores.reshape(len(episode), -1).shape[1]
    if header.action_start is None or count < 2:
        return
    gap, entropy = np.empty(len(episode)), np.empty(len(episode))
    for steps in _pieces(len(episode), count):
        scores = _allowed_scores(episode, steps)
        second, best = np.partition(scores, -2, axis=1)[:, -2:].T
        gap[steps] = np.where(np.isfinite(second) & np.isfinite(best), best - second, np.nan)
        if header.score == "logit":
            entropy[steps] = entr(softmax(scores, axis=1)).sum(axis=1)
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


def _attribution(attribution: Attribution | None, spread: np.ndarray | None) -> Iterator[Highlight]:
    """The largest change from one explained step to the next step, summed over features."""
    if attribution is None or len(attribution) < 2:
        return
    change = np.empty(len(attribution) - 1)
    for steps in _pieces(len(change), attribution.features.size):
        values = attribution.values[steps.start : steps.stop + 1, 0]
        values = values.reshape(len(values), -1).astype(np.float64)
        if is_per_feature_unit(attribution.unit) and spread is not None:
            values *= spread
        change[steps] = np.abs(np.diff(values, axis=0)).sum(axis=1)
    if np.isfinite(change).any() and np.nanmax(change) > 0:
        step = int(np.nanargmax(change)) + 1
        yield Highlight(
            step, "attribution", f"largest change of attribution ({attribution.method} of {attribution.labels[0]})"
        )


def _reward(episode: Episode) -> Iterator[Highlight]:
    rewards = np.where(np.isfinite(episode.rewards), episode.rewards, 0)
    step = int(np.abs(rewards).argmax())
    if np.ptp(np.abs(rewards)) > 0:
        noun = "reward" if rewards[step] > 0 else "penalty"
        yield Highlight(step, "reward", f"largest {noun}, {rewards[step]:+.4g}".replace("-", "\u2212"))


def _end(episode: Episode, speed: float) -> Iterator[Highlight]:
    """The moment before a termination; the text does not say whether that is a failure or a success."""
    step = len(episode) - round(SECONDS * speed)
    if episode.outcome.ended == "terminated" and step > 0:
        yield Highlight(step, "end", f"{SECONDS:g} s before the environment ended the episode")


def _name(header: Header, position: int) -> str:
    names = header.action_names
    return names[position] if position < len(names) else f"action {position}"
