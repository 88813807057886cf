"""Leads and ties: which of several numbers is the largest, as far as their intervals can tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.stats._intervals import Jackknife


@dataclass(frozen=True)
class Standing:
    """The order of several numbers, and how many of them may be the largest.

    Attributes:
        order: int64 `[number]`, positions, the largest first and NaN last.
        leaders: how many of the first in order are tied with the first one, itself included; 1 if its lead is certain.
            Without an interval all are tied.
    """

    order: np.ndarray
    leaders: int

    __repr__ = short_repr

    @property
    def certain(self) -> bool:
        """Whether the lead is certain."""
        return self.leaders == 1


def standing(estimates: Jackknife, level: float) -> Standing:
    """The order of estimates `[number]`, and which of them are tied for the lead.

    The first leads another if the interval of their paired difference is above 0. The two intervals themselves may
    overlap all the same: episodes in which both are large are no evidence against the lead.

    Args:
        estimates: the numbers, with their leave-one-out values.
        level: of the intervals of the differences, for instance 0.95.
    """
    order = np.argsort(-estimates.value, kind="stable")
    ranked = int(np.isfinite(estimates.value).sum())
    if ranked < 2:
        return Standing(order, ranked)
    behind = estimates.minus(int(order[0])).interval(level).high
    beaten = [bool(behind[position] < 0) for position in order[1:ranked]]
    # Whatever is ahead of a tied number is larger, and so is tied too.
    return Standing(order, 1 + max((rank for rank, lost in enumerate(beaten, 1) if not lost), default=0))
