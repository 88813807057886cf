"""Puts the findings of an ablation into words: what the return loses without each feature."""

from __future__ import annotations

from rltools._util.glossary import SAME_ORDER_BRIEF
from rltools._util.text import capitalized, listed, number, ordinal, plural, plus_minus
from rltools.ablation.replacements import replaced_by
from rltools.summary._data import Ranked
from rltools.summary._wording import correlation_text
from rltools.summary.finding import NAMED, Finding, wording
from rltools.summary.sentence import Sentence, amount, joined, span
from rltools.summary.sentence import listed as listed_sentences

VERDICTS = {
    "needed": "needed",
    "needed_together": "needed only together",
    "not_needed": "not needed",
    "better_without": "better without",
    "undecided": "undecided",
}
"""Each kind of verdict in words, in the order of sentences."""
MOST_LISTED = 8
"""The most features that the sentence on verdicts names of each kind; the table has all."""
_COUNTS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight"}


def verdict_text(kind: str, partner: str = "") -> str:
    """A verdict in words: `needed only together with right leg contact`."""
    return f"{VERDICTS[kind]} with {partner}" if partner else VERDICTS[kind]


@wording("loss_lead")
def _loss_lead(finding: Finding) -> Sentence:
    return _with_gains(_largest_loss(finding), finding)


def _largest_loss(finding: Finding) -> Sentence:
    """What the return loses most with, without its full stop."""
    first, *tied = finding.subjects
    verb = "falls" if first.share >= 0 else "rises"
    start = _agent(finding) + "ithout " + span(first.feature, "feature")
    sentence = start + f" ({replaced_by(finding.replacement)}) the return {verb} {_from(finding)}by " + _size(first)
    if tied:
        others = [f"without {each.feature} by " + amount(each) for each in tied]
        more = finding.leaders - len(finding.subjects)
        beside = [*others, span(f"without {more} more by nearly as much")] if more else others
        count = _COUNTS.get(finding.leaders, str(finding.leaders))
        return sentence + "; " + listed_sentences(beside) + f": the {count} cannot be told apart{_at_seeds(finding)}"
    if finding.doubt == "one_seed":
        return sentence + ", the most at a single seed, which does not show what is needed most"
    if finding.doubt == "no_interval":
        return sentence + f", the most{_at_seeds(finding)}, which are too few to show what is needed most"
    if finding.part == "floor":
        sentence += ", to the lowest that was seen"
    return sentence + (", more than without any other feature" if finding.total > 1 else "")


def _with_gains(sentence: Sentence, finding: Finding) -> Sentence:
    """The sentence with its full stop, after what the return certainly rises without."""
    for gains in finding.parts:
        sentence += "; " + gains.sentence
    return sentence + "."


@wording("better_without")
def _better_without(finding: Finding) -> Sentence:
    """A clause: `without wind it rises by 20 ± 3, and without y velocity by 12 ± 5`."""
    first, *others = finding.subjects
    more = finding.leaders - len(finding.subjects)
    gains = ["without " + span(first.feature, "feature") + " it rises by " + _size(first)]
    gains += ["without " + span(each.feature, "feature") + " by " + _size(each) for each in others]
    return listed_sentences([*gains, *([span(f"without {more} more by less")] if more else [])])


def _agent(finding: Finding) -> Sentence:
    """The start of a sentence, with the agent if there are several."""
    return span(f"{finding.agent}: w" if finding.agent else "W")


def _from(finding: Finding) -> str:
    if finding.baseline is None:
        return ""
    return f"from {plus_minus(finding.baseline.share, finding.baseline.low, finding.baseline.high)[0]} "


def _size(loss: Ranked) -> Sentence:
    """The size of a loss or of a gain, with its interval."""
    if loss.share >= 0:
        return amount(loss)
    return amount(Ranked(loss.feature, loss.position, -loss.share, -loss.high, -loss.low))


def _at_seeds(finding: Finding) -> str:
    return f" at {finding.n} seeds" if finding.n > 1 else ""


@wording("loss_floor")
def _loss_floor(finding: Finding) -> Sentence:
    names = [span(each.feature, "feature") for each in finding.subjects]
    more = finding.leaders - len(names)
    lost = listed_sentences([*names, *([span(f"{more} more")] if more else [])])
    start = (f"{finding.agent}: losing" if finding.agent else "Losing") + " any of " + lost
    replaced = f" (each {replaced_by(finding.replacement)}) loses everything: the return falls {_from(finding)}by "
    sentence = start + replaced + amount(finding.subjects[0]) + ", to the lowest that was seen, so none of them leads"
    return _with_gains(sentence, finding)


@wording("loss_none")
def _loss_none(finding: Finding) -> Sentence:
    if finding.part == "unmeasured":
        return span(f"{_agent(finding)}ithout a feature no episode was complete, so no loss is known.")
    if finding.part == "unchanged":
        start = f"{finding.agent}: n" if finding.agent else "N"
        return span(
            f"{start}othing that is hidden changes any return: {replaced_by(finding.replacement)}, each feature leaves "
            f"every episode{_at_seeds(finding)} as good as it was, so either the policy ignores what it sees, or the "
            f"return does not depend on what it does."
        )
    (first,) = finding.subjects
    start = (f"{finding.agent}: n" if finding.agent else "N") + "o single feature is certain to be needed: without "
    verb = "falls" if first.share >= 0 else "rises"
    sentence = start + span(first.feature, "feature") + f" ({replaced_by(finding.replacement)}) the return {verb} "
    sentence += _from(finding) + "by " + _size(first)
    return _with_gains(sentence + (", and no other loss is larger" if finding.total > 1 else ""), finding)


@wording("loss_next")
def _loss_next(finding: Finding) -> Sentence:
    others = [f"without {each.feature} by " + amount(each) for each in finding.subjects]
    return "Next: " + joined(others, ", ", " and ") + "."


@wording("verdicts")
def _verdicts(finding: Finding) -> Sentence:
    groups: list[Sentence] = []
    for kind, words in VERDICTS.items():
        parts = [part for part in finding.parts if part.part == kind]
        names = [
            span(part.subjects[0].feature, "feature") + (f" (with {part.agent})" if part.agent else "")
            for part in parts
        ]
        if len(names) > MOST_LISTED:
            names = [*names[:MOST_LISTED], span(f"{len(names) - MOST_LISTED} more")]
        if names:
            groups.append(f"{words if groups else capitalized(words)}: " + joined(names))
    return joined(groups, "; ") + "."


@wording("second_replacement")
def _second_replacement(finding: Finding) -> Sentence:
    start = span(f"{capitalized(replaced_by(finding.replacement))} ({plural(finding.n, 'seed')}), ")
    if finding.part in ("unchanged", "unchanged_too"):
        ending = " either." if finding.part == "unchanged_too" else ", which leaves it open."
        return start + "nothing that is hidden changes any return" + ending
    first, *others = finding.subjects
    if finding.part == "same":
        if finding.total == 1:
            return start + "the return falls by " + amount(first) + "."
        return start + span(first.feature, "feature") + " comes first too: its loss is " + amount(first) + "."
    if finding.leaders > 1:
        more = finding.leaders - len(finding.subjects)
        named = listed([*(each.feature for each in (first, *others)), *([f"{more} more"] if more else [])])
        return start + f"which feature comes first is uncertain ({named}), which leaves it open."
    return start + f"{first.feature} has the largest loss, " + amount(first) + ", which contradicts nothing certain."


@wording("certificate")
def _certificate(finding: Finding) -> Sentence:
    return span(str(finding.certificate))


@wording("select_features")
def _select_features(finding: Finding) -> Sentence:
    return "To train it again on these alone: " + span(finding.context[0], "code")


@wording("coalition_values")
def _coalition_values(finding: Finding) -> Sentence:
    measured = f"{finding.total} sets of features hidden" if finding.total else "sets of features along random orders"
    how = span(f" (outcome Shapley values: {measured}, {finding.n} seeds)", "source")
    start = "Of the " + amount(finding.baseline) if finding.baseline is not None else span("Of what")
    shares = [each.feature + " contributes " + amount(each) for each in finding.subjects]
    sentence = (
        start
        + " that all features together gain over none, "
        + (listed_sentences(shares) if shares else span("no feature certainly contributes anything"))
    )
    sentence += how + "."
    for part in finding.parts:
        (costs,) = part.subjects
        sentence += f" Seeing {costs.feature} costs " + _size(costs) + ", averaged over what else is seen."
    return sentence


@wording("alone")
def _alone(finding: Finding) -> Sentence:
    (best,) = finding.subjects
    verb = "raises" if best.share >= 0 else "lowers"
    return (
        "Seen alone, with everything else hidden, "
        + span(best.feature, "feature")
        + f" {verb} the return by "
        + _size(best)
        + "; no other feature is worth more alone."
    )


@wording("interaction")
def _interaction(finding: Finding) -> Sentence:
    excess, both = finding.subjects
    first, second = finding.context
    pair = span(first, "feature") + " and " + span(second, "feature")
    if excess.share > 0:
        return (
            "Either of "
            + pair
            + " can stand in for the other: without both the return falls by "
            + amount(both)
            + ", "
            + (amount(excess) + " more than the two losses add up to.")
        )
    return (
        pair
        + " are needed together: without both the return falls by "
        + amount(both)
        + ", "
        + (_size(excess) + " less than the two losses add up to, because what one gives depends on the other.")
    )


@wording("first_agreement")
def _first_agreement(finding: Finding) -> Sentence:
    """Whether attributions put the same feature first as the losses: `subjects` by losses, `parts` by attributions."""
    leading = [span(each.feature, "feature") for each in finding.subjects]
    more = finding.leaders - len(leading)
    measured = joined([*leading, *([span(f"{more} more")] if more else [])], ", ", " and ")
    certain = finding.leaders == 1
    agreeing = [part.by for part in finding.parts if part.part == "same"]
    others = [part for part in finding.parts if part.part != "same"]
    firsts = listed(list(dict.fromkeys(r.feature for p in finding.parts if p.part == "same" for r in p.subjects)))
    if not others and certain:
        return span(f"{listed(['The losses', *agreeing])} agree on the first feature: ") + measured + "."
    sentence = "By the losses " + measured + (" comes first" if certain else " come first and cannot be told apart")
    if agreeing:
        sentence += f", and by {listed(agreeing)} too" if certain else f"; by {listed(agreeing)} it is {firsts}"
    by_features: dict[tuple[str, str, int], list[str]] = {}
    for part in others:
        names = listed([each.feature for each in part.subjects])
        by_features.setdefault((part.part, names, part.leaders), []).append(part.by)
    named = []
    for (kind, names, leaders), methods in by_features.items():
        more = leaders - NAMED
        all_named = f"{names}{f' and {more} more' if more > 0 else ''}"
        tied = f"{all_named} cannot be told apart" if kind == "open" else f"{all_named} come first, tied"
        named.append(f"by {listed(methods)} " + (span(f"it is {names}") if leaders == 1 else span(tied)))
    return joined([sentence, *named], "; ") + "."


@wording("ranks_outside")
def _ranks_outside(finding: Finding) -> Sentence:
    """Which ranks of attributions the losses do not allow, `parts` by attribution; "open" where no rank is certain."""
    agreeing = [part.by for part in finding.parts if not part.subjects and part.part != "open"]
    undecided = [part.by for part in finding.parts if not part.subjects and part.part == "open"]
    sentences = []
    if undecided:
        sentences.append(span(f"By {listed(undecided)} no two features can be told apart"))
    if agreeing:
        by = "by" if sentences else "By"
        sentences.append(span(f"{by} {listed(agreeing)}, the rank of every feature is one that the losses allow"))
    for part in finding.parts:
        if part.subjects:
            named = listed([f"{each.feature} {_places(each)}" for each in part.subjects], NAMED)
            sentences.append(
                span(
                    f"{'by' if sentences else 'By'} {part.by}, {len(part.subjects)} of {finding.total} features "
                    f"{'has a rank' if len(part.subjects) == 1 else 'have ranks'} "
                    f"that the losses rule out ({named})"
                )
            )
    return joined(sentences, "; ") + "."


def _places(rank: Ranked) -> str:
    """The ranks that an attribution allows: `4th`, `3rd to 4th`."""
    return " to ".join(dict.fromkeys(ordinal(round(end)) for end in (rank.low, rank.high)))


@wording("loss_controls")
def _loss_controls(finding: Finding) -> Sentence:
    """How well attributions order the features as the losses do, and whether controls do that as well."""
    clauses = []
    for part in finding.parts:
        controls = listed(part.context) if part.part == "separates" else " or ".join(part.context)
        how = {"separates": "better than", "fails": "not certainly better than", "unknown": "too few features to beat"}
        reversed_order = "certainly the reverse order, and " if part.subjects[0].high < 0 else ""
        clauses.append(f"{part.by} {correlation_text(part.subjects[0])}, {reversed_order}{how[part.part]} {controls}")
    return span(f"Concordance with the losses ({SAME_ORDER_BRIEF}): {'; '.join(clauses)}.")


def rank_range(best: int, worst: int) -> str:
    """The ranks that a feature may have: `2`, or `2 to 4`."""
    return str(best) if best == worst else f"{best} to {worst}"


def loss_text(loss: Ranked) -> str:
    """A loss with its interval, `444 ± 112`; a dash if it was not measured."""
    return number(float("nan")) if loss.share != loss.share else str(amount(loss))
