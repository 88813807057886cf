"""Arranges the findings of a run: what was measured, then how the decision changes, then what moves the score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rltools.pages.measured import Measured
from rltools.recording import Recording
from rltools.summary import DECISION, Caveat, Finding, Sentence, Summary, find_decision, find_in_run

if TYPE_CHECKING:
    from markupsafe import Markup

_CLASSES = {"share": "share", "number": "share", "interval": "ends", "source": "how"}
"""The style class of each role of a span."""
_TAGS = {"feature": "b", "code": "code"}


@dataclass(frozen=True)
class Statement:
    """Findings that belong together, at the top of a page or below it.

    Attributes:
        headline: the first finding.
        source: the method and the target that it rests on.
        deck: when in an episode it holds; None if that is not clear.
        findings: the other findings, the most important first.
    """

    headline: Sentence
    source: str
    deck: Sentence | None
    findings: tuple[Sentence, ...]


@dataclass(frozen=True)
class Trusted:
    """A sentence on what losses and attributions agree, and whether it is a warning."""

    sentence: Sentence
    warning: bool


def statement(recording: Recording, main: Summary, summaries: Sequence[Summary]) -> Statement:
    """Arrange the findings of the summary that leads; caveats and the return are elsewhere on the page.

    Args:
        recording: the recording of the summaries.
        main: the summary that heads the findings.
        summaries: the summaries of all attributions, windows too; how the decision changes has its own statement.
    """
    headline, *others = find_in_run(recording, main, summaries)
    deck = next((finding.sentence for finding in others if finding.kind == "lead_time"), None)
    apart = main.target != DECISION
    findings = [
        finding
        for finding in others
        if finding.kind not in ("lead_time", "mean_return") and not (apart and finding.target == DECISION)
    ]
    return Statement(headline.sentence.without("source"), headline.source, deck, _paragraphs(headline, findings))


def decision_statement(main: Summary, summaries: Sequence[Summary]) -> Statement | None:
    """How the decision changes; None if nothing says so, or if the findings that lead do."""
    decisions = [summary for summary in summaries if summary.target == DECISION and main.target != DECISION]
    for summary in decisions:
        if findings := find_decision(summary):
            headline, *others = findings
            paragraphs = _paragraphs(headline, others)
            return Statement(headline.sentence.without("source"), headline.source, None, paragraphs)
    return None


def measured_statement(measured: Measured) -> Statement:
    """What was measured."""
    headline, *others = measured.findings
    return Statement(_sentence(headline), "", None, tuple(map(_sentence, others)))


def trust(measured: Measured) -> tuple[Trusted, ...]:
    """On what the losses, the changes of the decision and the main attribution agree."""
    return tuple(Trusted(_sentence(each), isinstance(each, Caveat)) for each in measured.trust)


def _sentence(statement: Finding | Caveat) -> Sentence:
    return Sentence() + str(statement) if isinstance(statement, Caveat) else statement.sentence


def _paragraphs(headline: Finding, others: Sequence[Finding]) -> tuple[Sentence, ...]:
    paragraphs: list[Sentence] = []
    previous = headline
    for finding in others:
        # In a paragraph of its own "Next: ..." would be taken for the next of another finding.
        if finding.kind == "next" and previous is not headline:
            paragraphs[-1] = paragraphs[-1] + " " + finding.sentence
        else:
            paragraphs.append(finding.sentence)
        previous = finding
    return tuple(paragraphs)


def sentence_html(sentence: Sentence) -> Markup:
    """A sentence with its numbers set off, and their intervals and sources less prominent; every text is escaped."""
    from markupsafe import Markup

    html = Markup("")
    for span in sentence.spans:
        if tag := _TAGS.get(span.role):
            html += Markup(f"<{tag}>{{}}</{tag}>").format(span.text)  # noqa: S704  one of our own tags
        elif span.role:
            html += Markup('<span class="{}">{}</span>').format(_CLASSES[span.role], span.text)
        else:
            html += span.text
    return html
