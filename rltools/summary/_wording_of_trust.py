"""Puts into a line how far an answer is to be trusted."""

from __future__ import annotations

from collections.abc import Sequence

from rltools._util.text import listed, number
from rltools.summary._data import Ranked
from rltools.summary.finding import NAMED, Finding, wording
from rltools.summary.sentence import Sentence, span


@wording("trust")
def write_trust(finding: Finding) -> Sentence:
    """A line: `Trust: high on what is needed most (angle, by the losses). In attributions: fair on the first (...)`."""
    label = span("Trust: ", "label")
    if not finding.replacement:
        rest = f", {finding.context[0]} on the rest{_rest(finding)}" if finding.context[0] else ""
        return label + f"{finding.part} on the first ({_first(finding)}){rest}."
    rest, second, first = finding.context
    sentence = label + f"{finding.part} on what is needed most ({_needed(finding, second)})."
    if not first:
        return sentence
    clauses = [f"{first} on the first ({_named_first(finding.parts, too=finding.part == 'high')})"]
    if rest:
        clauses.append(f"{rest} on the rest{_rest(finding)}")
    return sentence + f" In attributions: {', '.join(clauses)}."


def _needed(finding: Finding, second: str) -> str:
    """Which feature the losses name, or why none."""
    if second:
        return f"{_names(finding)} by the losses, and {second} with another replacement"
    if finding.doubt:
        return "no loss is certain"
    if finding.leaders > 1:
        return f"the losses leave it open: {_names(finding)}"
    return f"{_names(finding)}, by the losses"


def _first(finding: Finding) -> str:
    """Who names which feature first, where nothing was measured."""
    if finding.leaders > 1:
        return f"{finding.by} {_verb('leave', [finding.by])} it open: {_names(finding)}"
    agreeing = [part.by for part in finding.parts if part.part == "same"]
    text = f"{_names(finding)}, by {listed([finding.by, *agreeing])}"
    others = _named_first([part for part in finding.parts if part.part != "same"])
    return "; ".join(filter(None, [text, others]))


def _named_first(parts: Sequence[Finding], *, too: bool = False) -> str:
    """What each attribution puts first, or leaves open; `too` if the losses put that first for certain."""
    by_names: dict[str, list[str]] = {}
    for part in parts:
        names = _names(part)
        ending = f"put {names} first{' too' if too and part.part == 'same' else ''}"
        by_names.setdefault(f"leave it open: {names}" if part.leaders > 1 else ending, []).append(part.by)
    texts = [(verb.partition(" "), methods) for verb, methods in by_names.items()]
    return "; ".join(f"{listed(methods)} {_verb(verb[0], methods)} {verb[2]}" for verb, methods in texts)


def _verb(verb: str, subjects: list[str]) -> str:
    """The verb in the plural of several subjects, or of one like "Shapley values"."""
    return verb if len(subjects) > 1 or subjects[0].endswith("s") else f"{verb}s"


def _names(finding: Finding) -> str:
    subjects: tuple[Ranked, ...] = tuple(each for each in finding.subjects if each.position >= 0)
    more = finding.leaders - NAMED
    names = [each.feature for each in subjects[: min(finding.leaders, NAMED)]]
    *others, last = [*names, *([f"{more} more"] if more > 0 else [])] or ["nothing"]
    return " or ".join([", ".join(others), last] if others else [last])


def _rest(finding: Finding) -> str:
    """Who ranks otherwise, and how many features."""
    if finding.context[0] == "open":
        return " (too few differences are certain)"
    if finding.replacement:
        apart = [f"{part.by} {_verb('rank', [part.by])} {part.n}" for part in finding.parts if part.n]
        return f" ({listed(apart)} of {finding.total} features otherwise)" if apart else ""
    correlations = [f"{number(part.subjects[-1].share, 2)} with {part.by}" for part in finding.parts]
    return f" (rank correlation {listed(correlations)}; nothing was measured)"
