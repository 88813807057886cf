"""Arranges the findings at the top of a run's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rltools.recording import Recording
from rltools.summary import Sentence, Summary, find_in_run

if TYPE_CHECKING:
    from markupsafe import Markup

_CLASSES = {"share": "share", "interval": "ends", "source": "how"}
"""The style class of each role of a span."""


@dataclass(frozen=True)
class Statement:
    """The findings at the top of a page.

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


def statement(recording: Recording, main: Summary, summaries: Sequence[Summary]) -> Statement:
    """Arrange the findings of a run; caveats and the return are elsewhere on the page.

    Args:
        recording: the recording of the summaries.
        main: the summary that heads the findings.
        summaries: the summaries of all attributions, windows too.
    """
    headline, *others = find_in_run(recording, main, summaries)
    deck = next((finding.sentence for finding in others if finding.kind == "lead_time"), None)
    paragraphs: list[Sentence] = []
    previous = headline
    for finding in others:
        if finding.kind in ("lead_time", "mean_return"):
            continue
        # In a paragraph of its own "Next: ..." would be taken for the next of another finding.
        if finding.kind == "next" and previous is not headline:
            paragraphs[-1] = paragraphs[-1] + " " + finding.sentence
        else:
            paragraphs.append(finding.sentence)
        previous = finding
    return Statement(headline.sentence.without("source"), headline.source, deck, tuple(paragraphs))


def sentence_html(sentence: Sentence) -> Markup:
    """A sentence with its shares set off, and their intervals and sources less prominent; every text is escaped."""
    from markupsafe import Markup

    html = Markup("")
    for span in sentence.spans:
        if span.role == "feature":
            html += Markup("<b>{}</b>").format(span.text)
        elif span.role:
            html += Markup('<span class="{}">{}</span>').format(_CLASSES[span.role], span.text)
        else:
            html += span.text
    return html
