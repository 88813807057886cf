"""Draws the statements of a run as HTML; `rltools.pages.answer` has them in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rltools.pages.answer import Answer, Section
from rltools.summary import Caveat, Finding, Sentence

if TYPE_CHECKING:
    from markupsafe import Markup

_CLASSES = {"share": "share", "number": "share", "interval": "ends", "source": "how"}
"""The style class of each role of a span."""
_TAGS = {"feature": "b", "code": "code", "label": "b"}


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


def statement(section: Section | None) -> Statement | None:
    """A section of the answer for the page; None if there is none."""
    if section is None:
        return None
    headline, *others = section.findings
    deck = next((each.sentence for each in others if isinstance(each, Finding) and each.kind == "lead_time"), None)
    findings = [each for each in others if isinstance(each, Finding) and each.kind != "lead_time"]
    if isinstance(headline, Caveat):
        return Statement(_sentence(headline), "", deck, _paragraphs(None, findings))
    source = headline.source if headline.method else ""
    return Statement(headline.sentence.without("source"), source, deck, _paragraphs(headline, findings))


def trust(answer: Answer) -> tuple[Trusted, ...]:
    """On what the losses, the changes of the decision and the main attribution agree."""
    section = answer.section("trust")
    statements = () if section is None else section.findings
    return tuple(Trusted(_sentence(each), isinstance(each, Caveat)) for each in statements)


def _sentence(statement: Finding | Caveat) -> Sentence:
    return Sentence() + str(statement) if isinstance(statement, Caveat) else statement.sentence


def _paragraphs(headline: Finding | None, others: Sequence[Finding]) -> tuple[Sentence, ...]:
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
        if span.role == "mark":
            # A word joiner: a mark does not begin a line.
            html += Markup('&#8288;<a class="mark" href="#{}">{}</a>').format(span.to, span.text)
        elif tag := _TAGS.get(span.role):
            html += Markup(f"<{tag}>{{}}</{tag}>").format(span.text)  # noqa: S704  one of our own tags
        elif span.role:
            html += Markup('<span class="{}">{}</span>').format(_CLASSES[span.role], span.text)
        else:
            html += span.text
    return html
