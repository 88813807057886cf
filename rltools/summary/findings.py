"""A summary in short sentences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rltools.attributions import is_control
from rltools.stats import Jackknife, standing
from rltools.summary._summarize import scores_of
from rltools.summary._summary import Ranked
from rltools.targets.scores import find_score

if TYPE_CHECKING:
    from rltools.summary._summary import Summary

NAMED = 3
"""So many features get a sentence."""
FEWEST_STEPS = 10
"""Of an action, for a sentence about it."""

MOST_APART = 6
"""Of so many targets in one pass each gets a few words of its own."""

DECISION = "decision"
"""The target that is no score: how much of it a feature changes is no share of a whole."""


def findings(summary: Summary) -> tuple[str, ...]:
    """What matters most, what the agent reaches, and what to be careful about; the most important first."""
    if summary.n == 0:
        return (f"n = 0: no explained steps in {_episodes(summary.episodes)} ({_how(summary)}).",)
    if is_control(summary.unit):
        return (*_of_control(summary), *_reached(summary), *_sentences(summary.notes))
    return (
        *_leading(summary),
        *_apart(summary),
        *_per_action(summary),
        *_reached(summary),
        *_careful(summary),
        *_sentences(summary.notes),
    )


def named_method(summary: Summary) -> str:
    """The method, with what it is where it says nothing about the agent: `random (control)`."""
    return f"{summary.method} (control)" if is_control(summary.unit) else summary.method


def decision_sentences(summary: Summary) -> tuple[str, ...]:
    """What changes the decision most often, or moves it furthest; of a summary of the target `decision`."""
    if summary.n == 0:
        return ()
    changes = [change for change in ranked_features(summary)[:NAMED] if change.share > 0]
    if not changes:
        return (f"No feature changes the decision when it alone is that of another visited state ({_how(summary)}).",)
    tied = leaders(summary)
    count = min(len(tied), NAMED) if len(tied) > 1 else 1
    preposition = "by" if _is_continuous(summary) else "in"
    named = [f"{change.feature} {preposition} {with_interval(change)}{_where(summary, change)}" for change in changes]
    said = f"Replacing {changes[0].feature} by that of another visited state {effect(summary, changes[0])}"
    if len(tied) > 1:
        beside = named[1:count]
        said += f"{' and ' if len(beside) == 1 else ', '}{_listed(beside)}: {_unsure(summary, len(tied))}"
    sentences = [f"{said} ({_how(summary)})."]
    if named[count:]:
        sentences.append(f"Next: {' and '.join(named[count:])}.")
    return tuple(sentences)


def effect(summary: Summary, change: Ranked) -> str:
    """What replacing a feature does to the decision, one of `ranked_features`: `changes the action in 31 % of the steps`."""
    changed = _changed(summary, change.position) or "the action"
    if _is_continuous(summary):
        return f"moves {changed} by {with_interval(change)} of its range"
    return f"changes {changed} in {with_interval(change)} of the steps"


def ranked_features(summary: Summary, action: str = "") -> tuple[Ranked, ...]:
    """All features, those that matter most first, as `Summary.top`.

    What changes a decision is no share of a whole: of the target `decision` each feature has as its share how much it
    changes the choice, or the dimension of the action, that it changes most.
    """
    if summary.target != DECISION:
        return summary.top(action=action)
    mean, found = (summary.by_action[action] if action else summary.overall).mean, []
    for ranked in summary.top(action=action):
        at = (_most_changed(summary, ranked.position), ranked.position)
        found.append(replace(ranked, share=float(mean.value[at]), low=float(mean.low[at]), high=float(mean.high[at])))
    return tuple(sorted(found, key=lambda change: -change.share))


def leaders(summary: Summary, action: str = "") -> tuple[Ranked, ...]:
    """The feature that matters most, and all that cannot be told apart from it; a single one whose lead is certain.

    A lead is certain where the interval of the difference from each other feature, in the same episodes and with the
    same references, is above 0. Features that do not matter are never among them; without steps there are none.
    """
    statistics = summary.by_action[action] if action else summary.overall
    if summary.target == DECISION:
        labels = [_most_changed(summary, position) for position in range(len(summary.features))]
        places = np.arange(len(labels))
        mean = statistics.drawn["mean"]
        drawn = Jackknife(mean.value[labels, places], tuple(source[:, labels, places] for source in mean.without))
    else:
        drawn = statistics.drawn_importance
    found = standing(drawn, summary.level)
    first = set(found.order[: found.leaders].tolist())
    return tuple(one for one in ranked_features(summary, action) if one.position in first and one.share > 0)


def _most_changed(summary: Summary, position: int) -> int:
    return int(summary.overall.mean.value[:, position].argmax())


def _changed(summary: Summary, position: int) -> str:
    """The choice, or the dimension of the action, that a feature changes most; "" of the only one."""
    label = _most_changed(summary, position)
    if len(summary.labels) == 1:
        return ""
    return summary.labels[label].removeprefix(f"{DECISION}:") if _is_continuous(summary) else f"choice {label}"


def _where(summary: Summary, change: Ranked) -> str:
    changed = _changed(summary, change.position)
    return f" ({changed})" if changed else ""


def _is_continuous(summary: Summary) -> bool:
    return summary.labels[0].startswith(f"{DECISION}:")


def percent(share: float) -> str:
    """A share for people: `31 %`, `0.4 %`."""
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"


def with_interval(found: Ranked) -> str:
    """A share with its interval: `31 % [28, 34]`."""
    if math.isnan(found.low):
        return percent(found.share)
    low, high = (percent(end).removesuffix(" %") for end in (found.low, found.high))
    return f"{percent(found.share)} [{low}, {high}]"


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def _unsure(summary: Summary, tied: int) -> str:
    """Why no leader is named."""
    if summary.overall.episodes < 2:
        return "a single episode does not show which comes first"
    if math.isnan(summary.overall.importance.low[ranked_features(summary)[0].position]):
        return "too few episodes or references that are all alike do not show which comes first"
    more = f" and {tied - NAMED} more" if tied > NAMED else ""
    return f"which of these{more} comes first is uncertain"


def _sentences(notes: Iterable[str]) -> Iterator[str]:
    return (f"{note[0].upper()}{note[1:]}." for note in notes)


def _of_control(summary: Summary) -> tuple[str, str]:
    """Never what the agent looks at: no shares, which mean nothing here."""
    ranked = [found.feature for found in summary.top(NAMED) if found.share > 0]
    order = ", then ".join(ranked)
    said = f"the order is {order}" if ranked else "no feature comes first: all have 0"
    return (
        f"By the control {summary.method}, which knows nothing of the agent, {said}.",
        "That is no finding: a method whose order of the features is much like it says nothing of the agent either.",
    )


def _apart(summary: Summary) -> list[str]:
    """What leads each of several targets, where shares over all of them are of different scores."""
    scores = list(dict.fromkeys(scores_of(summary.labels)))
    if len(scores) < 2 or len(summary.labels) > MOST_APART:
        return []
    statistics = summary.overall
    name = "share" if statistics.standardized_share is None else "standardized_share"
    found, drawn, leading = statistics.standardized_share or statistics.share, statistics.drawn[name], []
    for target, label in enumerate(summary.labels):
        share, low, high = (part[target] for part in (found.value, found.low, found.high))
        order = standing(Jackknife(share, tuple(source[:, target] for source in drawn.without)), summary.level)
        tied = [
            Ranked(summary.features[at], int(at), float(share[at]), float(low[at]), float(high[at]))
            for at in order.order[: order.leaders]
            if share[at] > 0
        ]
        if len(tied) == 1:
            leading.append(f"of {label} alone {tied[0].feature} carries {with_interval(tied[0])}")
        elif tied:
            named = " or ".join(f"{one.feature} with {with_interval(one)}" for one in tied[:NAMED])
            more = f" or one of {len(tied) - NAMED} more" if len(tied) > NAMED else ""
            leading.append(f"of {label} alone {named}{more} leads")
    return [f"Shares are the means of those of {' and '.join(scores)}, which count alike: {', '.join(leading)}."]


def _how(summary: Summary) -> str:
    scaled = f"{summary.method} x standard deviation" if summary.std is not None else summary.method
    target = "" if summary.target == DECISION else summary.target
    return ", ".join(filter(None, (scaled, target, summary.effect, summary.apart)))


def _leading(summary: Summary) -> list[str]:
    if summary.target == DECISION:
        return list(decision_sentences(summary))
    ranked = [found for found in summary.top(NAMED) if not math.isnan(found.share)]
    if not ranked:
        if summary.unseen:
            return [f"Every attribution is exactly 0 ({_how(summary)}), which does not mean that no feature matters."]
        return [f"No feature matters: every attribution is exactly 0 ({_how(summary)})."]
    joint = len(summary.labels) > 1 and " & " in summary.target
    matter = "explained scores" if joint else find_score(summary.target.split(":")[0]).noun
    tied = leaders(summary)
    count = min(len(tied), NAMED) if len(tied) > 1 else 1
    first, others = ranked[:count], ranked[count:]
    if len(tied) < 2:
        said = f"{first[0].feature} carries {with_interval(first[0])} of the {matter}"
    else:
        carried = [f"{found.feature} {with_interval(found)}" for found in tied[1:count]]
        said = f"{tied[0].feature} carries {with_interval(tied[0])} of the {matter}"
        said += f"{' and ' if len(carried) == 1 else ', '}{_listed(carried)}: {_unsure(summary, len(tied))}"
    sentences = [f"{said} ({_how(summary)})."]
    if others:
        sentences.append(f"Next: {' and '.join(f'{found.feature} with {with_interval(found)}' for found in others)}.")
    return sentences


def _per_action(summary: Summary) -> list[str]:
    first, sentences = ranked_features(summary)[0], []
    for action, statistics in summary.by_action.items():
        if statistics.episodes < 2 or statistics.n < FEWEST_STEPS:
            continue
        tied = leaders(summary, action)
        if not tied or tied[0].feature == first.feature:
            continue
        when = f"When it takes {action!r} ({statistics.n} steps), "
        if len(tied) == 1:
            matters = "changes that most often" if summary.target == DECISION else "matters most"
            sentences.append(f"{when}{tied[0].feature} {matters}: {with_interval(tied[0])}.")
        else:
            named = _listed([f"{one.feature} {with_interval(one)}" for one in tied[:NAMED]])
            sentences.append(f"{when}no feature is certain to matter most: {named} cannot be told apart.")
    return sentences


def _reached(summary: Summary) -> list[str]:
    reached = summary.returns
    if reached.n == 0:
        return []
    interval = "" if math.isnan(reached.low) else f" [{reached.low:.4g}, {reached.high:.4g}]"
    return [f"Mean return {reached.mean:.4g}{interval} over {_episodes(reached.n)}."]


def _episodes(count: int) -> str:
    return f"{count} episode{'' if count == 1 else 's'}"


def _careful(summary: Summary) -> list[str]:
    sentences = []
    if summary.non_finite:
        sentences.append(
            f"{summary.non_finite} of {summary.n_steps} steps gave no finite attribution and are left out."
        )
    if summary.all_zero > 0 and summary.target == DECISION:
        sentences.append(f"At {percent(summary.all_zero)} of the steps no feature changes the decision alone.")
    elif summary.all_zero > 0:
        sentences.append(
            f"At {percent(summary.all_zero)} of the steps every attribution is exactly 0."
            if summary.unseen
            else f"At {percent(summary.all_zero)} of the steps no feature has any influence (exactly 0): dead units or "
            f"saturation."
        )
    if summary.residuals is not None and summary.residuals.over:
        sentences.append(
            f"{summary.method} is less exact than it should be at {summary.residuals.over} of {summary.n} steps; it "
            f"leaves up to {percent(summary.residuals.largest)} of the score's spread unexplained."
        )
    return sentences
