"""Which of several numbers is the largest, as far as their intervals can tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.stats._intervals import Jackknife


@dataclass(frozen=True)
class Standing:
    """Numbers in order, and how many of them may be the largest.

    Attributes:
        order: int64 `[number]`, positions, the largest first and NaN last.
        leaders: how many of the first in order cannot be told apart from the first one, itself included; 1 where its
            lead is certain. Without an interval nothing can be told apart.
    """

    order: np.ndarray
    leaders: int

    __repr__ = short_repr

    @property
    def certain(self) -> bool:
        """Whether one of them certainly leads."""
        return self.leaders == 1


def standing(found: Jackknife, level: float) -> Standing:
    """The order of the numbers `[number]`, and which of them may come first.

    The first one leads another where the interval of their difference, drawn together, is above 0. The two intervals
    themselves may overlap all the same: episodes in which both are large say nothing against the lead.

    Args:
        found: the numbers, with what they come to without each part of what was drawn.
        level: of the intervals of the differences, for instance 0.95.
    """
    order = np.argsort(-found.value, kind="stable")
    ranked = int(np.isfinite(found.value).sum())
    if ranked < 2:
        return Standing(order, ranked)
    behind = found.minus(int(order[0])).interval(level).high
    beaten = [bool(behind[position] < 0) for position in order[1:ranked]]
    # Whatever comes before one that may lead is larger than that one, and so may lead itself.
    return Standing(order, 1 + max((place for place, lost in enumerate(beaten, 1) if not lost), default=0))
