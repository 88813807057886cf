"""The result of `analyze`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rltools.pages.ablation_findings import AblationFindings
from rltools.pages.answer import Answer, answer_of
from rltools.recording import Recording
from rltools.summary import Caveat, Finding, Summary

if TYPE_CHECKING:
    from rltools.ablation import Ablation


@dataclass(frozen=True)
class Analysis:
    """The results of `analyze`.

    Attributes:
        recording: the episodes and attributions.
        summary: the summary of the main attribution.
        page: the `index.html`.
        decisions: how often replacing a feature changes the decision; None if `summary` is about that already, or if
            actions are unbounded, so that a change has no scale.
        ablation: what the return is without each feature; None if that was not measured.
        unmeasured: the reason why not; "" if it was, or if it was not wanted.
    """

    recording: Recording
    summary: Summary
    page: Path
    decisions: Summary | None = None
    ablation: Ablation | None = None
    unmeasured: str = ""

    @cached_property
    def answer(self) -> Answer:
        """The statements in their order, as page, terminal and notebook show them."""
        return answer_of(self.recording, first=self.summary.key, ablation=self.ablation, unmeasured=self.unmeasured)

    @property
    def findings(self) -> tuple[Finding | Caveat, ...]:
        """What page and terminal say, in the same order; `str` of each is a sentence."""
        return self.answer.findings

    @property
    def measured(self) -> AblationFindings | None:
        """The measured losses beside what attributions say; None if nothing was measured."""
        return self.answer.measured

    def __repr__(self) -> str:
        """The first finding, and the path of the page."""
        return f"Analysis({str(self.findings[0])!r}, page={str(self.page)!r})"

    def _repr_html_(self) -> str:
        """The HTML that notebooks display."""
        from rltools.pages.notebook import analysis_html

        return analysis_html(self.answer, self.page)
