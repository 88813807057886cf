"""Finds the highlights of an episode: the steps that are worth a look.

After Amir and Amir (2018), HIGHLIGHTS: Summarizing Agent Behavior to People, AAMAS: states matter where the best action
is far above the others. Added to these are the step at which the policy is least sure, the highest and the lowest
advantage as in Hilton et al. (2020), Understanding RL Vision, Distill, the largest change of attributions, and the
largest reward.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rltools._util.arrays import slices
from rltools._util.glossary import method_title
from rltools._util.text import plural
from rltools.attributions import is_per_feature_unit
from rltools.recording import Attribution, Episode, Header, episode_advantages, episode_margins

AT_ONCE = 1 << 19
"""How many numbers are converted to float64 at a time; a whole long episode would take too much memory."""
SECONDS = 2.0
"""Seconds before its end at which a terminated episode is worth a look."""


@dataclass(frozen=True)
class Highlight:
    """A step and why it is worth a look.

    Attributes:
        step: its position in the episode.
        kinds: one for each reason: "margin", "entropy", "advantage", "attribution", "reward" or "end".
        text: the reasons in words, with their numbers and units.
    """

    step: int
    kinds: tuple[str, ...]
    text: str


Moment = tuple[int, str, str]
"""A step, the kind of one reason why it is worth a look, and that reason in words."""


def highlights(
    episode: Episode, header: Header, attribution: Attribution | None, spread: np.ndarray | None, speed: float
) -> list[Highlight]:
    """The highlights of an episode in the order of their steps, each step once; among equal moments the first.

    Args:
        episode: the episode; without steps it has no highlights.
        header: the header of its recording.
        attribution: the attribution of this episode; None if nothing was explained.
        spread: `[element]`, the std of each element, with which values in "score per unit" are multiplied.
        speed: steps per second.
    """
    if len(episode) == 0:
        return []
    moments = [
        *_margin(episode, header),
        *_entropy(episode, header),
        *_advantage(episode, header),
        *_attribution(attribution, spread),
        *_reward(episode),
        *_end(episode, speed),
    ]
    reasons: dict[int, list[Moment]] = {}
    for moment in sorted(moments, key=lambda moment: moment[0]):
        reasons.setdefault(moment[0], []).append(moment)
    return [
        Highlight(step, tuple(kind for _, kind, _ in these), "; ".join(text for *_, text in these))
        for step, these in reasons.items()
    ]


def _allowed_scores(episode: Episode, steps: slice) -> np.ndarray:
    """Scores `[step, k]` in float64, minus infinity for an action that was not allowed."""
    scores = episode.scores[steps].reshape(len(episode.scores[steps]), -1).astype(np.float64)
    masks = None if episode.masks is None else episode.masks[steps]
    return scores if masks is None or masks.shape != scores.shape else np.where(masks, scores, -np.inf)


def _margin(episode: Episode, header: Header) -> Iterator[Moment]:
    margin = episode_margins(episode, header)
    if margin is None or not np.isfinite(margin).any() or np.nanmax(margin) == np.nanmin(margin):
        return
    step = int(np.nanargmax(margin))
    name = _name(header, int(episode.actions[step].item()) - (header.action_start or 0))
    yield step, "margin", f"largest margin: {name} is {margin[step]:.3g} {score_unit(header)} above the runner-up"


def score_unit(header: Header) -> str:
    """What a difference of two recorded scores is in."""
    return {"logit": "logits", "q_value": "Q", "probability": "in probability"}.get(header.score, header.score)


def _entropy(episode: Episode, header: Header) -> Iterator[Moment]:
    """The step at which the distribution of actions is widest, if it varies."""
    from scipy.special import entr, softmax

    count = episode.scores.reshape(len(episode), -1).shape[1]
    if header.action_start is None or count < 2 or header.score not in ("logit", "probability"):
        return
    entropy = np.empty(len(episode))
    for steps in slices(len(episode), count, numbers=AT_ONCE):
        scores = _allowed_scores(episode, steps)
        probabilities = np.maximum(scores, 0) if header.score == "probability" else softmax(scores, axis=1)
        entropy[steps] = entr(probabilities).sum(axis=1)
    if not np.isfinite(entropy).any() or np.nanmax(entropy) == np.nanmin(entropy):
        return
    step = int(np.nanargmax(entropy))
    most = np.log(np.isfinite(_allowed_scores(episode, slice(step, step + 1))).sum())
    yield step, "entropy", f"least sure: entropy {entropy[step]:.3g} of at most {most:.3g} nats"


def _advantage(episode: Episode, header: Header) -> Iterator[Moment]:
    """The steps after which things went best and worst, compared with what the policy expected."""
    estimated = episode_advantages(episode, header)
    if estimated is None or not np.isfinite(estimated.values).any():
        return
    values = estimated.values
    if np.nanmax(values) == np.nanmin(values):
        return
    assumed = f" ({estimated.description})" if estimated.assumed else ""
    for word, step in (("highest", int(np.nanargmax(values))), ("lowest", int(np.nanargmin(values)))):
        text = f"{word} advantage, {values[step]:+.3g} of {estimated.unit}{assumed}"
        yield step, "advantage", text.replace("-", "\u2212")


def _attribution(attribution: Attribution | None, spread: np.ndarray | None) -> Iterator[Moment]:
    """The largest change from one explained step to the next step, summed over features."""
    if attribution is None or len(attribution) < 2:
        return
    change = np.empty(len(attribution) - 1)
    for steps in slices(len(change), attribution.features.size, numbers=AT_ONCE):
        values = attribution.values[steps.start : steps.stop + 1, 0]
        values = values.reshape(len(values), -1).astype(np.float64)
        if is_per_feature_unit(attribution.unit) and spread is not None:
            values *= spread
        change[steps] = np.abs(np.diff(values, axis=0)).sum(axis=1)
    if np.isfinite(change).any() and np.nanmax(change) > 0:
        step = int(np.nanargmax(change)) + 1
        yield step, "attribution", f"largest change of attribution ({method_title(attribution.method)})"


def _reward(episode: Episode) -> Iterator[Moment]:
    rewards = np.where(np.isfinite(episode.rewards), episode.rewards, 0)
    step = int(np.abs(rewards).argmax())
    if np.ptp(np.abs(rewards)) > 0:
        noun = "reward" if rewards[step] > 0 else "penalty"
        yield step, "reward", f"largest {noun}, {rewards[step]:+.4g}".replace("-", "\u2212")


def _end(episode: Episode, speed: float) -> Iterator[Moment]:
    """The moment before a termination; the text does not say whether that is a failure or a success."""
    step = len(episode) - round(SECONDS * speed)
    if episode.outcome.ended == "terminated" and step > 0:
        yield step, "end", f"{plural(len(episode) - step, 'step')} before the environment ended the episode"


def _name(header: Header, position: int) -> str:
    names = header.action_names
    return names[position] if position < len(names) else f"action {position}"
