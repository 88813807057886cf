"""The verdict on each player, by a stated rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rltools._util.short_repr import short_repr
from rltools.ablation._coalition_values import Interaction
from rltools.ablation._losses import Losses

Kind = Literal["needed", "needed_together", "not_needed", "better_without", "undecided"]
RULE = (
    "A feature is needed if the 95 % interval of its loss lies above zero; better without if it lies below zero; but "
    "not needed, even then, if it lies within 5 % of the return on both sides. A feature that is neither needed nor "
    "better without is needed only together with another one, whose own loss is below 5 % or not certainly above zero, "
    "if hiding both costs certainly more than hiding each, corrected for the number of pairs. Else, and where more "
    "than 5 % of the episodes without it ended by a fault, it is undecided."
)


@dataclass(frozen=True)
class Verdict:
    """What the measured losses say about a player.

    Attributes:
        player: its name.
        kind: "needed", "needed_together", "not_needed", "better_without" or "undecided"; see `RULE`.
        partner: the other player, if it is needed only together with that one; else "".
    """

    player: str
    kind: Kind
    partner: str = ""

    __repr__ = short_repr


def judge(
    losses: Losses, interactions: Sequence[Interaction], part: float, failed: Sequence[int]
) -> tuple[Verdict, ...]:
    """The verdict on each player.

    Args:
        losses: of each player alone, with their intervals.
        interactions: of the pairs that were measured.
        part: of the return; a loss within it counts as none, and so do faults in a smaller part of the episodes.
        failed: in how many episodes hiding each player ended in a fault; those that did not are no fair sample.
    """
    tolerance = part * abs(float(losses.baseline.value))
    verdicts: list[Verdict] = []
    ends = zip(losses.players, losses.interval.low, losses.interval.high, losses.seeds, failed, strict=True)
    for player, low, high, seeds, faults in ends:
        if faults > part * (seeds + faults):
            verdicts.append(Verdict(player, "undecided"))
        elif high < 0 and not low > -tolerance:
            verdicts.append(Verdict(player, "better_without"))
        elif low > 0 and not high < tolerance:
            verdicts.append(Verdict(player, "needed"))
        elif partner := _partner(player, losses, interactions, tolerance):
            verdicts.append(Verdict(player, "needed_together", partner))
        elif -tolerance <= low and high <= tolerance:
            verdicts.append(Verdict(player, "not_needed"))
        else:
            verdicts.append(Verdict(player, "undecided"))
    return tuple(verdicts)


def _partner(player: str, losses: Losses, interactions: Sequence[Interaction], tolerance: float) -> str:
    """The player with which this one is needed: hiding both costs certainly more than hiding each; "" if none."""
    value = dict(zip(losses.players, losses.interval.value, strict=True))
    low = dict(zip(losses.players, losses.interval.low, strict=True))
    for pair in interactions:
        if player not in pair.players:
            continue
        other = next(name for name in pair.players if name != player)
        alone_unneeded = not low[other] > 0 or value[other] < tolerance
        if alone_unneeded and pair.interval.low > 0 and pair.both.low > 0 and pair.both.value > tolerance:
            return other
    return ""
