"""Deletion and insertion curves: the return as players are hidden, or shown, one after another."""

from __future__ import annotations

from dataclasses import dataclass

from rltools._util.short_repr import short_repr
from rltools.ablation import Ablation, Curves
from rltools.recording import Recording
from rltools.stats import Interval
from rltools.summary._ablations import chosen_ablation, without_coalitions

ORDERS = ("best", "random", "reverse")
"""The largest loss first, the mean over random orders, and the smallest loss first."""


@dataclass(frozen=True)
class AblationCurves:
    """The curves of an ablation, as a plot draws them.

    Attributes:
        ablation: from which they are.
        curves: None without a complete episode.
        deletion: by order, the mean return with 0, 1, ... all players hidden.
        insertion: by order, the mean return with 0, 1, ... all players shown.
        episodes: the smallest number of episodes that a point is the mean over.
    """

    ablation: Ablation
    curves: Curves | None
    deletion: dict[str, Interval]
    insertion: dict[str, Interval]
    episodes: int

    __repr__ = short_repr

    @property
    def lowest(self) -> tuple[int, float] | None:
        """How many hidden players give the lowest return of all curves, if it is certainly lower than that of all."""
        everything = self.deletion["best"] if self.deletion else None
        candidates = [
            (float(curve.value[count]), count)
            for curve in self.deletion.values()
            for count in range(1, len(curve.value) - 1)
            if everything is not None and curve.high[count] < everything.low[-1]
        ]
        return (min(candidates)[1], min(candidates)[0]) if candidates else None


def ablation_curves(
    source: Recording | Ablation, ablation: str | None = None, *, level: float = 0.95
) -> AblationCurves:
    """The deletion and insertion curves of an ablation.

    Args:
        source: a recording that was ablated, or an ablation.
        ablation: the key of one of a recording's; None is the latest.
        level: of the intervals.

    Raises:
        RecordingError: the recording has no ablation, or coalitions were not measured.
        UnknownNameError: there is none of this key.
    """
    opened = chosen_ablation(source, ablation)
    curves = opened.curves(level)
    if curves is None:
        if opened.returns():
            raise without_coalitions(opened)
        return AblationCurves(opened, None, {}, {}, 0)
    return AblationCurves(
        opened,
        curves,
        {name: getattr(curves, name).interval for name in ORDERS},
        {name: curves.insertion(name) for name in ORDERS},
        min(int(getattr(curves, name).seeds.min()) for name in ORDERS),
    )
