"""Puts findings about levels into words: what is inside a variable, objects, and memory against the moment."""

from __future__ import annotations

from rltools._util.text import plural
from rltools.summary._data import Ranked
from rltools.summary.finding import Finding, wording
from rltools.summary.sentence import Sentence, listed, share_of, source, span


def no_lead(finding: Finding) -> Sentence:
    """That nothing leads, as in `No region leads: a 13 % [9, 18] and b 11 % [8, 16] cannot be told apart (...)`."""
    return f"No {finding.noun} leads: " + _tied(finding) + source(finding.source) + "."


def at_the_moment(finding: Finding) -> str:
    """The beginning of a sentence about the observation of the moment alone; "" for others."""
    return "At the moment itself, " if finding.moment else ""


@wording("single")
def _single(finding: Finding) -> Sentence:
    only, *factors = finding.subjects
    text = f"{only.feature} is the only variable, so there is nothing to rank"
    if factors:
        *others, last = (factor.feature for factor in factors)
        names = f"{', '.join(others)} and {last}" if others else last
        text += f": {finding.method} cannot be split into {names}"
    return span(text) + source(finding.source) + "."


@wording("inside")
def _inside(finding: Finding) -> Sentence:
    first, *others = finding.subjects
    if finding.leaders > 1:
        return f"Inside {finding.part} no {finding.noun} leads: " + _tied(finding) + "."
    sentence = f"Inside {finding.part}, {_inner_name(finding, first)} comes first with " + share_of(first)
    following = [f"{_inner_name(finding, each)} " + share_of(each) for each in others]
    return sentence + (", then " + listed(following) if following else Sentence()) + "."


@wording("objects")
def _objects(finding: Finding) -> Sentence:
    shares = listed([f"{each.feature} " + share_of(each) for each in finding.subjects])
    doubt = ", and which comes first is uncertain" if finding.leaders > 1 else ""
    return "By what is in the cells: " + shares + doubt + "."


@wording("memory")
def _memory(finding: Finding) -> Sentence:
    past = finding.subjects[0]
    weight = f" of the weight of the last {plural(finding.n, 'observation')}"
    return span("What it saw before the moment") + " carries " + share_of(past) + weight + source(finding.source) + "."


def _tied(finding: Finding) -> Sentence:
    tied = finding.subjects[: finding.leaders]
    names = [f"{_inner_name(finding, each)} " + share_of(each) for each in tied]
    more = finding.leaders - len(tied)
    if more <= 0:
        return listed(names) + " cannot be told apart"
    sentence = names[0]
    for name in names[1:]:
        sentence = sentence + ", " + name
    return sentence + f" and {more} more cannot be told apart"


def _inner_name(finding: Finding, each: Ranked) -> str:
    """The name of a row, without that of the variable that the sentence is about."""
    return each.feature.removeprefix(f"{finding.part}: ") if finding.kind == "inside" else each.feature
