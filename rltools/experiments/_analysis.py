"""The result of `analyze`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rltools.pages.measured import Measured, measured
from rltools.recording import Recording
from rltools.summary import Caveat, Finding, Summary, find_decision, find_memory, with_memory

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
        memory: the summary of the last observations of a recurrent policy, through its state; None for others.
    """

    recording: Recording
    summary: Summary
    page: Path
    decisions: Summary | None = None
    ablation: Ablation | None = None
    unmeasured: str = ""
    memory: Summary | None = None

    @property
    def findings(self) -> tuple[Finding | Caveat, ...]:
        """What was measured, then how the decision changes, then what moves the score; `str` of each is a sentence."""
        decisions = () if self.decisions is None else find_decision(self.decisions)
        gathered = self.measured
        if gathered is None:
            caveat, findings = Caveat("not_measured", text=self.unmeasured), self.of_score
            own = 0 if decisions else 1 + (len(findings) > 1 and findings[1].kind == "next")
            return (*decisions, *findings[:own], caveat, *findings[own:])
        return (*gathered.findings, *gathered.trust, *decisions, *self.of_score)

    @cached_property
    def of_score(self) -> tuple[Finding | Caveat, ...]:
        """What moves the score: of a recurrent policy memory against the moment first, where that is certain."""
        memory = () if self.memory is None else tuple(find_memory(self.recording, [self.memory]))
        return with_memory(memory, self.summary.findings)

    @cached_property
    def measured(self) -> Measured | None:
        """What was measured beside what attributions say; None if nothing was."""
        if self.ablation is None:
            return None
        summaries = [self.summary] if self.decisions is None else [self.decisions, self.summary]
        return measured(self.recording, summaries, self.ablation)

    def __repr__(self) -> str:
        """The first finding, and the path of the page."""
        return f"Analysis({str(self.findings[0])!r}, page={str(self.page)!r})"

    def _repr_html_(self) -> str:
        """The HTML that notebooks display."""
        from rltools.pages.notebook import analysis_html

        return analysis_html(self.summary, self.findings, self.page, self.measured)
