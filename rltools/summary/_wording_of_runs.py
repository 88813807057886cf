"""Puts the findings of several runs of an experiment into words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from rltools._util.glossary import SAME_ORDER, TERMS
from rltools._util.text import capitalized, listed, number, percent, two_decimals
from rltools.summary._data import DECISION
from rltools.summary._wording import effect, ranking, with_share
from rltools.summary.finding import MOST_NAMED, NAMED, Finding, wording
from rltools.summary.sentence import Sentence, amount, joined, share_of, span
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
            left = lead.leaders - len(lead.subjects)
            more = [span(f"{left} more")] if left else []
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


_VERDICTS = {"alike": "alike", "mostly": "mostly alike", "partly": "partly alike", "apart": "not alike"}
"""The answer whether runs use the same features."""
MOST_SPELLED = 4
"""The most runs that are named one by one; of more it is said how many are alike."""


@wording("runs_alike")
def _runs_alike(finding: Finding) -> Sentence:
    """Whether the runs use the same features: `Shares are mostly alike: both lead with y velocity; ...`."""
    every = "both" if finding.n == 2 else f"all {finding.n} runs"
    verdict = f"Shares{f' in {finding.agent}' if finding.agent else ''} are {_VERDICTS[finding.part]}"
    first = [part for part in finding.parts if part.part == "first"]
    differing = [part for part in finding.parts if part.part == "differs"]
    if finding.subjects:
        names = [each.feature for each in finding.subjects]
        sentence = span(f"{verdict}: {every} lead with {', then '.join(names)}")
    elif len(first) > MOST_SPELLED:
        sentence = span(f"{verdict}: {_counted('leads', first)}")
    else:
        firsts = [_first_of_run(part) for part in first]
        sentence = span(f"{verdict}: ") + joined(firsts, "; ")
    if differing:
        largest, *others = differing
        sentence += "; they differ most in the share of " + _shares_of_runs(largest, finding.context)
        if len(others) == 1:
            sentence += f", and in that of {others[0].subjects[0].feature}"
        elif others:
            sentence += f", and in those of {len(others)} others"
    else:
        sentence += "; no share certainly differs"
    if finding.baseline is None or math.isnan(finding.baseline.share):
        return sentence + "."
    ends = (two_decimals(finding.baseline.low), two_decimals(finding.baseline.high))
    correlation = ends[0] if ends[0] == ends[1] else " to ".join(ends)
    return sentence + span(f" (shares by {finding.by}, rank correlation {correlation})", "source") + "."


def _counted(verb: str, runs: Sequence[Finding]) -> str:
    """How many runs a feature certainly leads: `angle leads 7 of 12 runs, velocity 3; in 2 none certainly does`."""
    certain = Counter(part.subjects[0].feature for part in runs if part.leaders == 1 and part.subjects)
    if not certain:
        return f"no feature certainly {verb} any of {len(runs)} runs"
    (feature, count), *others = certain.most_common(NAMED)
    text = f"{feature} {verb} {count} of {len(runs)} runs" + "".join(f", {name} {number}" for name, number in others)
    more = certain.total() - count - sum(number for _, number in others)
    rest = len(runs) - certain.total()
    text += f", other features {more}" if more else ""
    return text + (f"; in {rest} none certainly does" if rest else "")


def _first_of_run(part: Finding) -> Sentence:
    if part.leaders == 1:
        return f"{part.agent} leads with {part.subjects[0].feature} (" + share_of(part.subjects[0]) + ")"
    return span(f"{part.agent} may lead with {_either(part)}")


def _either(part: Finding) -> str:
    """The features any of which may come first: `angle, x velocity or fuel`, or the first of many."""
    left = part.leaders - len(part.subjects)
    *names, last = [*(each.feature for each in part.subjects), *([f"one of {left} more"] if left > 0 else [])]
    return f"{', '.join(names)} or {last}" if names else last


def _shares_of_runs(part: Finding, labels: Sequence[str]) -> Sentence:
    """One feature with its share in each run, or the range of many: `angle (a 0.7 %, b 10 %)`."""
    name = part.subjects[0].feature
    if len(part.subjects) > NAMED:
        shares = [each.share for each in part.subjects]
        return span(f"{name} ({percent(min(shares)).removesuffix(' %')} to {percent(max(shares))})")
    shares_of = [f"{label} " + share_of(each) for label, each in zip(labels, part.subjects, strict=True)]
    return f"{name} (" + joined(shares_of) + ")"


@wording("needs_alike")
def _needs_alike(finding: Finding) -> Sentence:
    """Whether the runs need the same feature most, by measured losses."""
    every = "both" if finding.n == 2 else f"all {finding.n} runs"
    measured = f"Measured{f' in {finding.agent}' if finding.agent else ''},"
    if finding.part == "same":
        first = finding.parts[0].subjects[0].feature
        if len(finding.parts) > MOST_SPELLED:
            sizes = [part.subjects[0].share for part in finding.parts]
            low, high = number(min(sizes), 2), number(max(sizes), 2)
            return span(f"{measured} {every} need {first} most: without it the return falls by {low} to {high}.")
        losses = [amount(part.subjects[0]) + f" ({part.agent})" for part in finding.parts[:MOST_NAMED]]
        return f"{measured} {every} need {first} most: without it the return falls by " + listed_sentences(losses) + "."
    start = f"{measured} they need different features most: "
    if finding.part == "open":
        start = f"{measured} it is open whether they need the same feature most: "
    if len(finding.parts) > MOST_SPELLED:
        certain = [replace(part, leaders=int(part.kind == "loss_lead" and not part.doubt)) for part in finding.parts]
        return span(start + _counted("comes first in", certain) + ".")
    leads = [_need(part) for part in finding.parts if part.subjects]
    return start + joined(leads, "; ") + "."


def _need(part: Finding) -> Sentence:
    if part.kind == "loss_lead" and not part.doubt:
        return f"{part.agent} loses most without {part.subjects[0].feature} (" + amount(part.subjects[0]) + ")"
    if part.kind == "loss_none":
        return span(f"{part.agent} certainly needs no single feature")
    return span(f"{part.agent} may lose most without {_either(part)}")
