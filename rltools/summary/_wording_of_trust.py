"""Puts into a line how far an answer is to be trusted."""

from __future__ import annotations

from rltools._util.text import listed, number
from rltools.summary._data import Ranked
from rltools.summary.finding import NAMED, Finding, wording
from rltools.summary.sentence import Sentence, span


@wording("trust")
def write_trust(finding: Finding) -> Sentence:
    """A line: `Trust: high on the first (angle, by the losses and decision change), fair on the rest.`."""
    rest, second = finding.context
    clauses = [f"{finding.part} on the first ({_first(finding, second)})"]
    if rest:
        clauses.append(f"{rest} on the rest{_rest(finding)}")
    return span("Trust: ", "label") + ", ".join(clauses) + "."


def _first(finding: Finding, second: str) -> str:
    """Who names which feature first."""
    by = "the losses" if finding.replacement else finding.by
    if second:
        return f"{_names(finding)} by the losses, and {second} with another replacement"
    if finding.doubt:
        return "no loss is certain"
    if finding.leaders > 1:
        return f"{by} {_verb('leave', [by])} it open: {_names(finding)}"
    agreeing = [part.by for part in finding.parts if part.part == "same"]
    text = f"{_names(finding)}, by {listed([by, *agreeing])}"
    by_names: dict[str, list[str]] = {}
    for part in finding.parts:
        if part.part == "other":
            by_names.setdefault(_names(part), []).append(part.by)
    other = [f"{listed(methods)} {_verb('put', methods)} {names} first" for names, methods in by_names.items()]
    return "; ".join([text, *other])


def _verb(verb: str, subjects: list[str]) -> str:
    """The verb in the plural of several subjects, or of one like "Shapley values"."""
    return verb if len(subjects) > 1 or subjects[0].endswith("s") else f"{verb}s"


def _names(finding: Finding) -> str:
    subjects: tuple[Ranked, ...] = tuple(each for each in finding.subjects if each.position >= 0)
    more = finding.leaders - NAMED
    names = [each.feature for each in subjects[: min(finding.leaders, NAMED)]]
    return " or ".join([*names, *([f"{more} more"] if more > 0 else [])])


def _rest(finding: Finding) -> str:
    """Who ranks otherwise, and how many features."""
    if finding.context[0] == "open":
        return " (too few differences are certain)"
    if finding.replacement:
        apart = [f"{part.by} {_verb('rank', [part.by])} {part.n}" for part in finding.parts if part.n]
        return f" ({listed(apart)} of {finding.total} features otherwise)" if apart else ""
    correlations = [f"{number(part.subjects[-1].share, 2)} with {part.by}" for part in finding.parts]
    return f" (rank correlation {listed(correlations)}; nothing was measured)"
