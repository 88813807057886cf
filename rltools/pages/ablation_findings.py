"""What an ablation found in a run, gathered for pages, cards and the terminal: losses, and how far attributions agree.

The words come from `summary`, and the comparison with controls from `metrics`; here both are put together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rltools._util.short_repr import short_repr
from rltools.ablation import ablations
from rltools.attributions import is_control
from rltools.errors import CorruptError
from rltools.metrics import assess_recorded
from rltools.recording import Recording
from rltools.summary import (
    DECISION,
    Caveat,
    Finding,
    RankTable,
    Summary,
    ablation_caveats,
    compare_ranks,
    find_losses,
    find_trust,
    loss_controls,
)

if TYPE_CHECKING:
    from rltools.ablation import Ablation, Losses
    from rltools.metrics import Assessment

CONCORDANCE = "loss_concordance"
CONTROLS = {"random": "random numbers", "std": "the std of the features"}
"""The controls of `loss_concordance` in words."""


@dataclass(frozen=True)
class AblationFindings:
    """What an ablation says, and on what attributions agree with it.

    Attributes:
        ablation: what was measured.
        losses: its losses.
        findings: of the losses, the most important first.
        trust: on what losses and attributions agree, and whether these beat their controls.
        ranks: the ranks of the features side by side.
        caveats: what to be careful with.
    """

    ablation: Ablation
    losses: Losses
    findings: tuple[Finding | Caveat, ...]
    trust: tuple[Finding | Caveat, ...]
    ranks: RankTable
    caveats: tuple[Caveat, ...]

    __repr__ = short_repr


def measured_ablation(recording: Recording) -> Ablation | None:
    """The ablation that a page of the run shows; None if there is none, or its files are damaged.

    Example:
        >>> import rltools
        >>> from rltools.pages.ablation_findings import measured_ablation
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> measured_ablation(rltools.record(policy, episodes=1)) is None
        True
    """
    try:
        return next(iter(ablations(recording)), None)
    except CorruptError:
        return None


def ablation_findings(
    recording: Recording, summaries: Sequence[Summary], ablation: Ablation | None = None, *, level: float = 0.95
) -> AblationFindings | None:
    """Gather what was measured in a run; None if nothing was.

    Args:
        recording: the recording.
        summaries: of its attributions, the one that leads the page first; changes of the decision, if there are any,
            and this one are compared with the losses.
        ablation: what was measured; None opens it.
        level: the level of the intervals.
    """
    ablation = measured_ablation(recording) if ablation is None else ablation
    if ablation is None:
        return None
    losses = ablation.losses(level=level)
    compared = _compared(recording, summaries)
    ranks = compare_ranks(recording, ablation, [summary.key for summary in compared], level=level, losses=losses)
    assessed = assess_recorded(recording, metrics=[CONCORDANCE], ablation=ablation, level=level) if compared else ()
    by_key = {row.key: row for row in assessed}
    controls = [_controls(by_key[summary.key]) for summary in compared if summary.key in by_key]
    about_losses, second = _apart(find_losses(ablation, recording, level=level))
    return AblationFindings(
        ablation,
        losses,
        about_losses,
        (*find_trust(ranks), *([Finding("loss_controls", parts=tuple(controls))] if controls else []), *second),
        ranks,
        ablation_caveats(ablation, recording),
    )


def _compared(recording: Recording, summaries: Sequence[Summary]) -> list[Summary]:
    """How the decision changes, and the attribution that leads the page."""
    fitting = [
        summary
        for summary in summaries
        if summary.n and not is_control(summary.unit) and not recording.spec(summary.key).window
    ]
    decisions = [summary for summary in fitting if summary.target == DECISION][:1]
    scores = [summary for summary in fitting if summary.target != DECISION][:1]
    return [*decisions, *scores]


def _controls(row: Assessment) -> Finding:
    """How well an attribution agrees with the losses, beside controls."""
    names = list(CONTROLS.values())
    if row.separates is False:
        names = [CONTROLS["random"]] if not row.value > row.random_limit else [CONTROLS["std"]]
    value = (row.value, row.low, row.high)
    return loss_controls(row.method, value, controls=names, separates=row.separates)


def _apart(
    findings: Sequence[Finding | Caveat],
) -> tuple[tuple[Finding | Caveat, ...], tuple[Finding | Caveat, ...]]:
    """The findings but that about the second replacement, which belongs to trust; and that one."""
    kinds = ("second_replacement", "other_replacement")
    return (
        tuple(finding for finding in findings if finding.kind not in kinds),
        tuple(finding for finding in findings if finding.kind in kinds),
    )
