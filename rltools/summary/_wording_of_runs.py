"""Puts the findings of several runs of an experiment into words."""

from __future__ import annotations

from rltools._util.glossary import SAME_ORDER, TERMS
from rltools._util.text import capitalized, listed, two_decimals
from rltools.summary._data import DECISION
from rltools.summary._wording import effect, ranking, with_share
from rltools.summary.finding import NAMED, Finding, wording
from rltools.summary.sentence import Sentence, joined, share_of, span
from rltools.summary.sentence import listed as listed_sentences

CONTROL_MEANINGS = {
    "std": "a method that ranks features like the control std says only how much each feature varies",
    "random": "agreement with the control random is chance",
}
"""The meaning of agreement with each control."""


@wording("run_leads")
def _run_leads(finding: Finding) -> Sentence:
    by_feature: dict[str, list[Sentence]] = {}
    uncertain: list[Sentence] = []
    several = len({lead.target for lead in finding.parts if lead.target != DECISION}) > 1
    for lead in finding.parts:
        if lead.leaders == 1:
            by_feature.setdefault(lead.subjects[0].feature, []).append(_how_far(lead, several))
        else:
            tied = [with_share(ranked) for ranked in lead.subjects]
            more = [span(f"{lead.leaders - NAMED} more")] if lead.leaders > NAMED else []
            features = listed_sentences([*tied, *more])
            uncertain.append(f"by {_source(lead, several)} any of " + features + " may lead")
    certain = [f"{feature} leads by " + listed_sentences(how_far) for feature, how_far in by_feature.items()]
    return f"{finding.agent}: " + joined([*certain, *uncertain], "; ") + "."


def _how_far(lead: Finding, several: bool) -> Sentence:
    (first,) = lead.subjects
    if lead.target == DECISION:
        return f"{lead.by} (" + effect(first, continuous=lead.continuous) + ")"
    return f"{_source(lead, several)} (" + share_of(first) + ")"


def _source(lead: Finding, several: bool) -> str:
    """The method in words, and the target if the run has several."""
    return f"{lead.by} of {lead.about}" if several and lead.target != DECISION else lead.by


@wording("lead_counts")
def _lead_counts(finding: Finding) -> Sentence:
    counts = listed([f"{part.subjects[0].feature} in {part.n}" for part in finding.parts])
    return span(
        f"Of {finding.total} rankings, by run, method and target, one feature leads for certain in {finding.n}"
        f"{f': {counts}' if counts else ''}."
    )


@wording("rank_agreement")
def _rank_agreement(finding: Finding) -> Sentence:
    size = f"{finding.n} features" if finding.n else "all features"
    between = listed([f"between {part.part} {_range(part)}" for part in finding.parts])
    return span(
        f"{capitalized(TERMS['rank_agreement'].name)} over {size} (mean of Spearman's correlation over episodes: "
        f"{SAME_ORDER}): {between}."
    )


@wording("control_agreement")
def _control_agreement(finding: Finding) -> Sentence:
    methods = [
        f"{method.by} with {listed([f'{control.by} {_range(control)}' for control in method.parts])}"
        for method in finding.parts
    ]
    name = capitalized(TERMS["rank_agreement"].name)
    return span(f"{name} with the controls, which know nothing about the agent: {'; '.join(methods)}.")


@wording("control_meaning")
def _control_meaning(finding: Finding) -> Sentence:
    meanings = (CONTROL_MEANINGS.get(control, "") for control in finding.context)
    return span(f"{capitalized('; '.join(filter(None, meanings)))}.")


def _range(finding: Finding) -> str:
    """The smallest and the largest of several correlations."""
    low, high = (two_decimals(end) for end in (finding.subjects[0].low, finding.subjects[0].high))
    return low if low == high else f"{low} to {high} in {finding.n} pairs"


@wording("ranking")
def _ranking(finding: Finding) -> Sentence:
    return span(f"{finding.agent}, {finding.by} of {finding.about}: {ranking(finding.subjects)}")
