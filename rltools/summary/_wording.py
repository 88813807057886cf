"""Puts the findings of a summary and of a run into words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rltools._util.glossary import TERMS, method_title
from rltools._util.text import (
    capitalized,
    interval,
    number,
    ordinal,
    ordinal_word,
    percent,
    plural,
    plus_minus,
    two_decimals,
)
from rltools.attributions import is_control
from rltools.stats import chance
from rltools.summary._data import DECISION, Ranked, SummaryData
from rltools.summary._when import MOST
from rltools.summary._wording_of_levels import at_the_moment, no_lead
from rltools.summary.finding import NAMED, Finding, wording
from rltools.summary.sentence import Sentence, each_value, joined, listed, share_of, source, span
from rltools.targets.scores import target_noun

_ORDERS = ((0.9, "much the same"), (0.5, "a similar"), (-1.1, "another"))
"""Names of an order, by its smallest rank correlation with another order."""


def method_name(summary: SummaryData) -> str:
    """The method in words; a control is marked as such: `random (control)`."""
    title = method_title(summary.method, standardized=summary.std is not None)
    return f"{title} ({TERMS['control'].name})" if is_control(summary.unit) else title


def effect(change: Ranked, *, continuous: bool) -> Sentence:
    """The effect of replacing a feature: `changes the action in 31 % [28, 34] of replacements`."""
    changed = change.changes or "the action"
    if continuous:
        return f"moves {changed} by " + share_of(change) + " of its range"
    return f"changes {changed} in " + share_of(change) + " of replacements"


def ranking(subjects: Sequence[Ranked], *, shares: bool = True) -> str:
    """Features in order with their shares; without shares for a control, whose shares mean nothing."""
    if not shares:
        return f"{', '.join(ranked.feature for ranked in subjects)} (only an order)"
    return ", ".join(f"{ranked.feature} {share_of(ranked)}" for ranked in subjects)


def with_share(ranked: Ranked, word: str = "") -> Sentence:
    return f"{ranked.feature}{word} " + share_of(ranked)


def _doubt(finding: Finding) -> str:
    """Why no leader is named."""
    if finding.doubt == "one_episode":
        return "a single episode does not show which comes first"
    if finding.doubt == "no_interval":
        return "too few episodes or references that are all alike do not show which comes first"
    more = f" and {finding.leaders - NAMED} more" if finding.leaders > NAMED else ""
    return f"which of these{more} comes first is uncertain"


@wording("lead")
def _lead(finding: Finding) -> Sentence:
    first, *tied = finding.subjects
    if finding.leaders > 1 and finding.noun != "feature" and finding.target != DECISION:
        return no_lead(finding)
    if finding.target == DECISION:
        start = f"Replacing {first.feature} with its value in another visited state "
        sentence = start + effect(first, continuous=finding.continuous)
        beside = [_change(change, continuous=finding.continuous) for change in tied]
    else:
        start = capitalized(f"{at_the_moment(finding)}of what moves {finding.about}, ")
        sentence = start + span(first.feature, "feature") + " makes up " + share_of(first)
        beside = [with_share(ranked) for ranked in tied]
    if finding.leaders > 1:
        sentence += (" and " if len(beside) == 1 else ", ") + listed(beside) + f": {_doubt(finding)}"
    return sentence + source(finding.source) + "."


def _change(change: Ranked, *, continuous: bool) -> Sentence:
    changed = f" ({change.changes})" if change.changes else ""
    return f"{change.feature} {'by' if continuous else 'in'} " + share_of(change) + changed


@wording("next")
def _next(finding: Finding) -> Sentence:
    if finding.target == DECISION:
        others = [_change(change, continuous=finding.continuous) for change in finding.subjects]
    else:
        others = [with_share(ranked, " with") for ranked in finding.subjects]
    return "Next: " + joined(others, " and ") + "."


@wording("nothing_matters")
def _nothing_matters(finding: Finding) -> Sentence:
    if finding.target == DECISION:
        text = "Replacing a single feature never changes the decision"
        return text + source(finding.source) + "."
    if finding.unseen:
        start = span("Every attribution is exactly 0")
        return start + source(finding.source) + ", which does not mean that no feature has a share."
    return span("No feature has a share: every attribution is exactly 0") + source(finding.source) + "."


@wording("targets_apart")
def _targets_apart(finding: Finding) -> Sentence:
    leads = []
    for apart in finding.parts:
        start = f"of {apart.about} alone "
        if apart.leaders == 1:
            leads.append(f"{start}{apart.subjects[0].feature} makes up " + share_of(apart.subjects[0]))
        else:
            tied = joined([with_share(ranked, " with") for ranked in apart.subjects], " or ")
            more = f" or one of {apart.leaders - NAMED} more" if apart.leaders > NAMED else ""
            leads.append(start + tied + f"{more} leads")
    scores = " and ".join(target_noun(score) for score in finding.context)
    start = f"Shares are the means of the shares of {scores}, with equal weights: "
    return start + joined(leads) + "."


@wording("by_action")
def _by_action(finding: Finding) -> Sentence:
    when = f"When the agent takes {finding.action!r} ({finding.n} steps), "
    if finding.leaders == 1:
        leads = "changes the action most often" if finding.target == DECISION else "has the largest share"
        return f"{when}{finding.subjects[0].feature} {leads}: " + share_of(finding.subjects[0]) + "."
    tied = listed([with_share(ranked) for ranked in finding.subjects])
    return f"{when}no feature certainly comes first: " + tied + " cannot be told apart."


@wording("control")
def _control(finding: Finding) -> Sentence:
    """The order by a control, without shares, which mean nothing here."""
    order = ", then ".join(ranked.feature for ranked in finding.subjects)
    consequence = f"the order is {order}" if order else "no feature comes first: all have 0"
    return span(f"By the control {finding.by}, which knows nothing about the agent, {consequence}.")


@wording("all_zero")
def _all_zero(finding: Finding) -> Sentence:
    start = "At " + span(percent(finding.subjects[0].share), "share") + " of the steps "
    if finding.target == DECISION:
        return start + "no feature alone changes the decision."
    if finding.unseen:
        return start + "every attribution is exactly 0."
    return start + "no feature has any influence (exactly 0): dead units or saturation."


@wording("residual")
def _residual(finding: Finding) -> Sentence:
    largest = span(percent(finding.subjects[0].share), "share")
    steps = f"{finding.n:,} of {finding.total:,} steps"
    return (
        f"Numbers by {finding.by} are less exact than they should be at {steps}: up to "
        + largest
        + " of the score's spread is missing."
    )


@wording("mean_return")
def _mean_return(finding: Finding) -> Sentence:
    (mean,) = finding.subjects
    if mean.low == mean.high or finding.n == 1:
        each = f"in each of {finding.n} episodes" if finding.n > 1 else "in a single episode"
        return span(f"Return {number(mean.share)} {each}.") + _after(beside_losses(finding))
    text = "Mean return " + span(interval(mean.share, mean.low, mean.high), "number")
    over = each_value(mean) if mean.each else span(f" over {plural(finding.n, 'episode')}")
    return text + over + "." + _after(beside_losses(finding))


def _after(sentence: str) -> str:
    return f" {sentence}" if sentence else ""


def beside_losses(finding: Finding) -> str:
    """The sentence on the episodes that losses were measured in, and their mean return; empty without losses."""
    if finding.baseline is None:
        return ""
    other = plus_minus(finding.baseline.share, finding.baseline.low, finding.baseline.high)[0]
    return f"Losses are measured in other episodes, from other seeds, whose mean return is {other}."


@wording("time")
def _time(finding: Finding) -> Sentence:
    (feature,) = finding.subjects
    text = f"Of what {feature.feature} moves, " + share_of(feature)
    return text + f" lies in {finding.part} of an episode{_in_steps(finding)}."


@wording("lead_time")
def _lead_time(finding: Finding) -> Sentence:
    (feature,) = finding.subjects
    if feature.low > MOST:
        return f"Most of that lies in {finding.part} of an episode: " + share_of(feature) + f"{_in_steps(finding)}."
    return share_of(feature) + f" of that lies in {finding.part} of an episode."


def _in_steps(finding: Finding) -> Sentence | str:
    """The share of the steps in a part; thirds need none."""
    return f", in {100 * finding.even:.0f} % of the steps" if finding.even else ""


@wording("uneventful")
def _uneventful(finding: Finding) -> Sentence:
    steps = f"{finding.n:,} of {finding.total:,} steps"
    what = "one action is taken for long, and its score stays as it is"
    if finding.continuous:
        what = "the action hardly changes for long"
    if finding.part == "same":
        return span(f"In {steps} nothing happens: {what}. Without them the same features come first, in this order.")
    start = span(f"Without the {steps} in which nothing happens ({what}), ")
    moved = [
        f"{each.feature} is {ordinal_word(place)} with " + share_of(each)
        for place, (each, before) in enumerate(zip(finding.subjects, finding.context, strict=False), 1)
        if each.feature != before
    ]
    fallen = [
        f"{part.subjects[0].feature} only {ordinal(part.n)} with " + share_of(part.subjects[0])
        for part in finding.parts
    ]
    return start + listed([*moved, *fallen]) + "."


@wording("agreement")
def _agreement(finding: Finding) -> Sentence:
    correlation = finding.subjects[0]
    by_chance = chance(finding.n)
    means_nothing = by_chance >= 1  # with so few features even the same order may be chance
    aside = ""
    if means_nothing:
        aside = ", which may be chance with so few features"
    elif correlation.share < by_chance:
        aside = ", no more than by chance with so few features"
    order = order_name(correlation.low, correlation.high, -1.0 if means_nothing else by_chance)
    other = " and ".join(map(method_title, finding.context))
    rank = f"rank correlation {correlation_text(correlation)}{aside}"
    if order:
        return span(f"By {finding.by}, the features stand in {order} order as by {other}: {rank}.")
    where = " in the single episode" if finding.total == 1 else ""
    return span(f"The orders by {finding.by} and {other}{where} have a {rank}.")


def order_name(low: float, high: float, by_chance: float) -> str:
    """The name of an order, as far as the interval of its correlation shows; "" without an interval."""
    names = [
        "what may be an unrelated" if end < by_chance else next(name for least, name in _ORDERS if end >= least)
        for end in (low, high)
        if not math.isnan(end)
    ]
    return " or ".join(dict.fromkeys(names))


def correlation_text(correlation: Ranked) -> str:
    """A correlation with its interval: `0.91 [0.87, 0.94]`."""
    return interval(correlation.share, correlation.low, correlation.high, two_decimals)


@wording("no_steps")
def _no_steps(finding: Finding) -> Sentence:
    text = f"There are no explained steps in {plural(finding.total, 'episode')}"
    return span(text) + source(finding.source) + "."


@wording("non_finite")
def _non_finite(finding: Finding) -> Sentence:
    return span(f"{finding.n:,} of {finding.total:,} steps gave no finite attribution and are left out.")


@wording("control_is_no_finding")
def _control_is_no_finding(_: Finding) -> Sentence:
    return span(
        "This is not a finding: a method that ranks the features much like a control says nothing about the agent."
    )
