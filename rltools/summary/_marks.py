"""Marks numbers that a caveat undermines, where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rltools.summary._data import DECISION, Ranked
from rltools.summary.caveats import Caveat, CaveatKind
from rltools.summary.finding import Finding

UNDERMINING: tuple[CaveatKind, ...] = (
    "residual",
    "saturated",
    "unseen",
    "maybe_unseen",
    "few_references",
    "few_carriers",
    "one_reference",
)
"""The caveats that undermine shares, of the features that they name, or of all if they name none."""
UNDERMINING_LOSSES: tuple[CaveatKind, ...] = ("few_seeds", "other_replacement")
"""Those that undermine losses: all of them, and the first."""
_NO_SHARES = ("mean_return", "agreement", "all_zero", "residual", "trust")
"""The kinds of findings whose numbers are no shares of features."""


def marked(finding: Finding | Caveat, caveats: Sequence[Caveat]) -> Finding | Caveat:
    """A finding whose undermined shares carry the ids of the caveats; a caveat stays as it is.

    Args:
        finding: of one attribution.
        caveats: of the same attribution.
    """
    if isinstance(finding, Caveat) or finding.kind in _NO_SHARES:
        return finding
    kinds = [kind for kind in UNDERMINING if kind != "saturated" or finding.target != DECISION]
    fitting = [caveat for kind in kinds for caveat in caveats if caveat.kind == kind]
    return _marked(finding, fitting) if fitting else finding


def marked_loss(finding: Finding | Caveat, caveats: Sequence[Caveat]) -> Finding | Caveat:
    """Mark a finding on losses: few seeds undermine every loss, and another replacement the first one."""
    if isinstance(finding, Caveat):
        return finding
    leads = finding.kind in ("loss_lead", "loss_floor")
    kinds = [kind for kind in UNDERMINING_LOSSES if kind != "other_replacement" or leads]
    ids = [caveat.id for kind in kinds for caveat in caveats if caveat.kind == kind]
    if not ids:
        return finding
    few = [caveat for caveat in caveats if caveat.kind == "few_seeds"]
    return replace(
        finding,
        subjects=tuple(replace(each, marks=tuple(ids)) for each in finding.subjects),
        parts=tuple(_marked(part, few) if part.kind == "better_without" else part for part in finding.parts),
    )


def _marked(finding: Finding, caveats: Sequence[Caveat]) -> Finding:
    return replace(
        finding,
        subjects=tuple(_mark(each, caveats) for each in finding.subjects),
        parts=tuple(_marked(part, caveats) for part in finding.parts),
    )


def _mark(subject: Ranked, caveats: Sequence[Caveat]) -> Ranked:
    ids = [caveat.id for caveat in caveats if not caveat.names or subject.feature in caveat.names]
    return replace(subject, marks=tuple(ids)) if ids else subject
