"""The findings of a run as sentences: what carries the decision, when, through what, and what changes it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rltools.pages.report._parts import counted, interval
from rltools.recording import Recording
from rltools.summary import (
    DECISION,
    Summary,
    When,
    agreement,
    chance,
    decision_sentences,
    lag_shares,
    leaders,
    part_shares,
    when,
)
from rltools.targets.scores import find_score

if TYPE_CHECKING:
    from markupsafe import Markup


TIMED = 3
"""So many features are looked at for when they matter."""
_SET_OFF = re.compile(r"(?P<share>\d[\d.]* %)|(?P<ends>(?<= %) \[[\d., ]+\])|(?P<how> \([^()]*\)(?=\.(?: |$)))")
_HEADLINE = re.compile(r"(?P<said>.*) \((?P<how>[^()]*)\)\.", re.DOTALL)
_ORDERS = ((0.9, "much the same"), (0.5, "a similar"), (-1.1, "another"))
"""What to call an order, by its least rank correlation with another."""
BY_CHANCE = ", no more than chance gives so few features"
MAYBE_UNRELATED = "what may be an unrelated"
ALWAYS_BY_CHANCE = ", which so few features can have by chance"


@dataclass(frozen=True)
class Told:
    """What the top of a page says.

    Attributes:
        headline: one sentence.
        how: the method and the target that say so; "" where the sentence itself does.
        deck: when that is so; "" where it is not clear.
        sentences: what else was found, the most important first.
    """

    headline: str
    how: str
    deck: str
    sentences: tuple[str, ...]


def told(recording: Recording, main: Summary, summaries: Sequence[Summary]) -> Told:
    """The findings of a run; caveats and the return have places of their own on the page.

    Args:
        recording: where from.
        main: the summary that heads the findings.
        summaries: all that was explained, windows too.
    """
    elsewhere = {f"{note[0].upper()}{note[1:]}." for note in main.notes}
    headline, *others = [
        said for said in main.findings if said not in elsewhere and not said.startswith("Mean return ")
    ] or main.findings
    if main.n == 0:
        return Told(headline, "", "", ())
    by_action = [said for said in others if said.startswith("When it takes ")]
    set_apart = _HEADLINE.fullmatch(headline)
    headline, how = (f"{set_apart['said']}.", set_apart["how"]) if set_apart else (headline, "")
    known = {found.feature: found for found in when(recording, main, _leading(main))}
    tied = leaders(main)
    first = known.pop(tied[0].feature, None) if len(tied) == 1 else None
    sentences = [
        *(said for said in others if said not in by_action),
        *_by_part(recording, main),
        *map(_of_feature, known.values()),
        *_remembered(recording, summaries),
        *_together(_decisions(main, summaries)),
        *_agreeing(recording, main),
        *by_action,
    ]
    return Told(headline, how, "" if first is None else _of_that(first), tuple(sentences))


def emphasized(sentence: str, name: str = "") -> Markup:
    """A sentence with its percentages set off, their intervals and the method at its end less prominent.

    Args:
        sentence: anybody's text; it is escaped.
        name: of the feature that it begins with.
    """
    from markupsafe import Markup, escape

    begins = bool(name) and sentence.startswith(name)
    out = Markup("<b>{}</b>").format(name) if begins else Markup("")
    at = len(name) if begins else 0
    for found in _SET_OFF.finditer(sentence, at):
        out += escape(sentence[at : found.start()])
        kind = str(found.lastgroup)
        out += Markup('<span class="{}">{}</span>').format(kind, found[kind])
        at = found.end()
    return out + escape(sentence[at:])


def _leading(main: Summary) -> list[str]:
    return [found.feature for found in main.top(TIMED) if found.share > 0]


def _decisions(main: Summary, summaries: Sequence[Summary]) -> tuple[str, ...]:
    """What changes the decision, the best predictor of what is lost without a feature; the main findings may say it."""
    about = (summary for summary in summaries if summary.target == DECISION and main.target != DECISION)
    return next((decision_sentences(summary) for summary in about), ())


def _together(sentences: Sequence[str]) -> list[str]:
    """What comes next in the same paragraph as what comes first: beside other findings it would be taken for theirs."""
    return [" ".join(sentences)] if sentences else []


def _of_that(found: When) -> str:
    said = interval(found.share, found.low, found.high, share=True)
    if found.is_most:
        return f"Most of that lies in {found.part} of an episode: {said}{_in_time(found)}."
    return f"{said} of that lies in {found.part} of an episode."


def _of_feature(found: When) -> str:
    said = interval(found.share, found.low, found.high, share=True)
    return f"{found.feature} matters most in {found.part} of an episode: {said} of its weight{_in_time(found)}."


def _in_time(found: When) -> str:
    return "" if "third" in found.part else f", in {100 * found.even:.0f} % of the steps"


def _by_part(recording: Recording, main: Summary) -> list[str]:
    found = [
        f"{part.feature} {interval(part.share, part.low, part.high, share=True)}"
        for part in part_shares(recording, main)
    ]
    return [f"Of the arrays in an observation, all entries together: {', '.join(found)}."] if found else []


def _agreeing(recording: Recording, main: Summary) -> list[str]:
    """How well other methods' orders of the features agree with that of the findings."""
    found = agreement({"": recording}, None, main.target, level=main.level)
    first = next((at for at, one in enumerate(found.rankings) if one.method == main.method), None)
    said = []
    for at, one in enumerate(found.rankings):
        if first is None or one.control or one.method == main.method:
            continue
        value, low, high = (float(end[first, at]) for end in vars(found.correlation).values())
        if not math.isnan(value):
            by_chance = chance(len(one.features))
            says_nothing = by_chance >= 1  # of so few features even the same order may be chance
            aside = ALWAYS_BY_CHANCE if says_nothing else BY_CHANCE if value < by_chance else ""
            how = f"rank correlation {_two(value, low, high)}{aside}"
            order = _order(low, high, -1.0 if says_nothing else by_chance)
            if order:
                said.append(f"{one.method} puts the features in {order} order: {how}.")
            else:
                said.append(f"The order by {one.method} in the single episode has a {how}.")
    return said


def _order(low: float, high: float, by_chance: float) -> str:
    """What to call an order as far as the interval of its correlation tells; "" without an interval."""
    ends = [end for end in (low, high) if not math.isnan(end)]
    words = [
        "what may be an unrelated" if end < by_chance else next(words for least, words in _ORDERS if end >= least)
        for end in ends
    ]
    return " or ".join(dict.fromkeys(words))


def _two(value: float, low: float, high: float) -> str:
    """A correlation with its interval: `0.91 [0.87, 0.94]`."""
    ends = "" if math.isnan(low) else f" [{low:.2f}, {high:.2f}]"
    return f"{value:.2f}{ends}".replace("-", "−")


def _remembered(recording: Recording, summaries: Sequence[Summary]) -> list[str]:
    """What lies in the past, of attributions over a window of observations."""
    said = []
    for summary in summaries:
        window = recording.spec(summary.key).window
        if not window or not summary.n:
            continue
        found = lag_shares(recording, summary.key, level=summary.level)
        now = found.lags.index(0)
        past = interval(
            1 - float(found.of_lag.value[now]),
            1 - float(found.of_lag.high[now]),
            1 - float(found.of_lag.low[now]),
            share=True,
        )
        said.append(
            f"Through its memory, what it saw before the moment carries {past} of the weight of the last "
            f"{counted(window, 'observation')} ({summary.method}, {summary.target})."
        )
    return said


_ACTIONS = {"chosen": "the action taken", "runner_up": "the best action other than the one taken", "all": "each action"}


def meaning(target: str) -> str:
    """A sentence that says what a target is; "" where none is known.

    >>> meaning("logit:chosen")
    'logit:chosen is the raw score of the action taken, before scores become probabilities.'
    >>> meaning("probability:chosen - runner_up")
    'probability:chosen - runner_up is the probability of the action taken, less that of the best action other than \
the one taken.'
    """
    first, _, minus = target.partition(" - ")
    score, _, action = first.partition(":")
    if not (meaning_of_score := find_score(score).meaning) or (minus and minus not in _ACTIONS):
        return ""
    said = meaning_of_score.format(_action(score, action))
    return f"{target} is {said}{f', less that of {_ACTIONS[minus]}' if minus else ''}."


def _action(score: str, action: str) -> str:
    if score in ("action", "mean") and action == "all":
        return "each entry of the action"
    return _ACTIONS.get(action, f"the action {action!r}")
