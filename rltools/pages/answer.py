"""Arranges what a run says: one order of statements for page, terminal and notebook.

What was measured comes first, else how the decision changes, else what moves the score; the line on trust follows, with
what it rests on, and then the rest. Whoever shows a run takes the statements from here and only draws them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rltools._util.short_repr import short_repr
from rltools._util.text import plural
from rltools.ablation import Ablation
from rltools.attributions import is_control
from rltools.pages.ablation_findings import AblationFindings, ablation_findings
from rltools.recording import Recording
from rltools.summary import (
    DECISION,
    Caveat,
    Finding,
    Ranked,
    Summary,
    caveats_of_summary,
    find_decision,
    find_in_run,
    find_trust_line,
    find_trust_of_methods,
    find_uneventful,
    marked,
    marked_loss,
    method_name,
    run_caveats,
    summarize,
)
from rltools.summary.sentence import amount, brief, share_of
from rltools.targets.scores import target_name, target_noun

SectionKey = Literal["measured", "trust", "decision", "score"]
HEADINGS: dict[SectionKey, str] = {
    "measured": "What the agent needs, measured",
    "trust": "Trust",
    "decision": "How the decision changes",
    "score": "What moves the {about}",
}
MOST_BARS = 3
"""How many bars stand under the first line of the terminal."""


@dataclass(frozen=True)
class Section:
    """Statements that belong together, the most important first.

    Attributes:
        key: what they are about.
        findings: the statements; the first one heads the section. A caveat among them is a warning.
        about: what is explained, in a word: "score", "action" or "value".
    """

    key: SectionKey
    findings: tuple[Finding | Caveat, ...]
    about: str = "score"

    @property
    def heading(self) -> str:
        """A few words on what they are about."""
        return HEADINGS[self.key].format(about=self.about)


@dataclass(frozen=True)
class Bar:
    """A bar of the picture that goes with the first statement.

    Attributes:
        label: the feature.
        length: from 0 to 1, of the longest bar; a gain of return has length 0.
        text: the number with its interval.
    """

    label: str
    length: float
    text: str


@dataclass(frozen=True)
class Answer:
    """What a run says, in the order in which it is said.

    Attributes:
        sections: the statements; the first section leads, and "trust" is the second if there is one.
        trust: how far to trust the first statement, in a line; None if there is nothing to compare.
        bars: the largest numbers of the first section.
        returns: the mean return; None without a complete episode.
        caveats: what to be careful with, each once; numbers that one undermines carry its id.
        measured: what was measured, None if nothing was.
        summaries: of all attributions, the one that heads the score first.
    """

    sections: tuple[Section, ...]
    trust: Finding | None
    bars: tuple[Bar, ...]
    returns: Finding | None
    caveats: tuple[Caveat, ...]
    measured: AblationFindings | None
    summaries: tuple[Summary, ...]

    __repr__ = short_repr

    @property
    def headline(self) -> Finding | Caveat:
        """The statement that answers the question."""
        return self.sections[0].findings[0]

    @property
    def main(self) -> Summary:
        """The summary of the attribution that heads the score."""
        return self.summaries[0]

    @property
    def findings(self) -> tuple[Finding | Caveat, ...]:
        """All statements in order: the headline, trust in a line, the others, the mean return, and the caveats."""
        first, *others = (statement for section in self.sections for statement in section.findings)
        lines = [line for line in (self.trust, self.returns) if line is not None]
        return (first, *lines[:1], *others, *lines[1:], *self.caveats)

    def section(self, key: SectionKey) -> Section | None:
        """The section of this key; None if there is none."""
        return next((section for section in self.sections if section.key == key), None)


def answer_of(
    recording: Recording,
    *,
    first: str | None = None,
    ablation: Ablation | None = None,
    unmeasured: str = "",
    level: float = 0.95,
) -> Answer:
    """Arrange what a run says.

    Args:
        recording: a recording with at least one attribution of every episode.
        first: the folder name of the attribution that heads the score; None for the default one.
        ablation: what was measured; None opens what is in the folder.
        unmeasured: the reason why nothing was measured, if there is one.
        level: the level of the intervals.

    Raises:
        RecordingError: nothing was explained.

    Example:
        >>> import rltools
        >>> from rltools.pages.answer import answer_of
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.explain(rltools.record(policy, episodes=5, max_steps=60), policy, method="gradient")
        >>> answer = answer_of(recording)
        >>> [section.key for section in answer.sections]
        ['score']
        >>> answer.bars[0].label
        'pole angular velocity'
    """
    summaries = run_summaries(recording, first, level)
    losses = ablation_findings(recording, summaries, ablation, level=level)
    return arrange(recording, summaries, losses, unmeasured=unmeasured)


def run_summaries(recording: Recording, first: str | None = None, level: float = 0.95) -> tuple[Summary, ...]:
    """Summaries of all attributions that explain every episode, the one that heads the score first."""
    first = recording.find(first)
    specs = {first: recording.spec(first)} | {
        key: spec for key, spec in recording.specs.items() if recording.is_complete(key)
    }
    return tuple(summarize(recording, method=key, level=level) for key in specs)


def arrange(
    recording: Recording, summaries: Sequence[Summary], losses: AblationFindings | None, *, unmeasured: str = ""
) -> Answer:
    """Put the findings of a run, its ablation and its methods into their order.

    Args:
        recording: the recording of the summaries.
        summaries: of all attributions, the one that heads the score first.
        losses: what was measured; None if nothing was.
        unmeasured: the reason why not, if there is one.
    """
    main = summaries[0]
    caveats = [*caveats_of_summary(recording, main)]
    in_run = [marked(each, caveats) for each in find_in_run(recording, main, summaries)]
    score = [each for each in in_run if isinstance(each, Finding)]
    decisions = _decisions(recording, main, summaries)
    returns = next((_beside(each, losses) for each in score if each.kind == "mean_return"), None)
    of_methods = [each for each in score if each.kind == "agreement"]
    own = [each for each in score if each.kind != "mean_return" and each not in of_methods]
    if main.target != DECISION:
        own = [each for each in own if each.target != DECISION]
    uneventful = find_uneventful(recording, main)
    if uneventful is not None:
        place = _own_clauses(own)
        own[place:place] = [each for each in [marked(uneventful, caveats)] if isinstance(each, Finding)]
    by_key: dict[SectionKey, list[Finding | Caveat]] = {
        "measured": _of_losses(losses),
        "decision": [*decisions],
        "score": [*own],
    }
    if main.target == DECISION:
        by_key = {"measured": by_key["measured"], "decision": [*own], "score": []}
    leading, *later = [(key, findings) for key, findings in by_key.items() if findings]
    if losses is None:
        leading[1].insert(_own_clauses(leading[1]), Caveat("not_measured", text=unmeasured))
    trust = (*(losses.trust if losses is not None else ()), *of_methods)
    about = target_noun(main.target)
    sections = (
        Section(leading[0], tuple(leading[1]), about),
        *([Section("trust", trust, about)] if trust else []),
        *(Section(key, tuple(findings), about) for key, findings in later),
    )
    return Answer(
        sections,
        _trust_line(main, summaries, losses),
        _bars(sections[0]),
        returns,
        tuple(_caveats(recording, summaries, losses)),
        losses,
        tuple(summaries),
    )


def attribution_name(recording: Recording, summary: Summary) -> str:
    """An attribution in words, `Shapley values of the action`, with what sets it apart from others."""
    window = recording.spec(summary.key).window
    over = f" over {plural(window, 'observation')}" if window else ""
    apart = f" ({summary.apart})" if summary.apart else ""
    target = "" if summary.target == DECISION else f" of {target_name(summary.target)}"
    return f"{method_name(summary)}{target}{over}{apart}"


def _decisions(recording: Recording, main: Summary, summaries: Sequence[Summary]) -> list[Finding]:
    """How the decision changes, unless the main summary says it."""
    if main.target == DECISION:
        return []
    for summary in summaries:
        if summary.target == DECISION and (findings := find_decision(summary)):
            caveats = [*caveats_of_summary(recording, summary)]
            return [each for each in (marked(each, caveats) for each in findings) if isinstance(each, Finding)]
    return []


def _of_losses(losses: AblationFindings | None) -> list[Finding | Caveat]:
    if losses is None:
        return []
    contradicting = [each for each in losses.trust if isinstance(each, Caveat)]
    return [marked_loss(each, [*losses.caveats, *contradicting]) for each in losses.findings]


def _beside(returns: Finding, losses: AblationFindings | None) -> Finding:
    """The mean return of the recording, with that of the other episodes in which losses were measured."""
    headline = None if losses is None else losses.findings[0]
    return replace(returns, baseline=headline.baseline) if isinstance(headline, Finding) else returns


def _own_clauses(findings: Sequence[Finding | Caveat]) -> int:
    """How many of the first statements belong to the headline."""
    return 1 + sum(each.kind in ("next", "lead_time") for each in findings[1:3])


def _trust_line(main: Summary, summaries: Sequence[Summary], losses: AblationFindings | None) -> Finding | None:
    if losses is None:
        return find_trust_of_methods(main, summaries)
    second = next((each.names[1] for each in losses.trust if isinstance(each, Caveat) and len(each.names) > 1), "")
    headline = losses.findings[0]
    certain = isinstance(headline, Finding) and headline.kind in ("loss_lead", "loss_floor") and not headline.doubt
    tied = isinstance(headline, Finding) and headline.doubt == "tied"
    return find_trust_line(losses.ranks, certain=certain or tied, second=second)


def _bars(section: Section) -> tuple[Bar, ...]:
    """The first numbers of a section: losses, changes of the decision, or shares."""
    kinds = ("lead", "next", "loss_lead", "loss_floor", "loss_next", "loss_none")
    findings = [each for each in section.findings if isinstance(each, Finding) and each.kind in kinds]
    subjects = [each for finding in findings for each in finding.subjects][:MOST_BARS]
    longest = max((each.share for each in subjects), default=0.0)
    write = amount if section.key == "measured" else share_of
    return tuple(Bar(each.feature, _length(each, longest), str(write(brief(each)))) for each in subjects)


def _length(ranked: Ranked, longest: float) -> float:
    return max(0.0, ranked.share / longest) if longest > 0 else 0.0


def _caveats(recording: Recording, summaries: Sequence[Summary], losses: AblationFindings | None) -> list[Caveat]:
    """The caveats of what was measured, and of all methods but the controls."""
    own = (summary for summary in summaries if not is_control(summary.unit))
    of_attributions = run_caveats(recording, [(attribution_name(recording, summary), summary) for summary in own])
    return [*(losses.caveats if losses else ()), *of_attributions]
