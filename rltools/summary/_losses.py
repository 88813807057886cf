"""The losses of return that an ablation measured, with their verdicts and those of the second replacement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.ablation import Ablation, Losses, Verdict
from rltools.recording import Recording
from rltools.summary._ablations import chosen_ablation


@dataclass(frozen=True)
class MeasuredLosses:
    """Losses of return, as a plot draws them.

    Attributes:
        ablation: from which they are.
        losses: of the main replacement.
        second: of the second replacement; None if none was run.
        verdicts: one per player.
        rows: positions of the players to draw, the largest loss first and those that were not measured last.
    """

    ablation: Ablation
    losses: Losses
    second: Losses | None
    verdicts: tuple[Verdict, ...]
    rows: tuple[int, ...]

    __repr__ = short_repr

    @property
    def measured(self) -> bool:
        """Whether there is a loss at all."""
        return bool(self.losses.seeds.any())

    @property
    def tied(self) -> int:
        """How many of the first rows cannot be told apart from the first, itself included; 0 if its lead is certain."""
        leaders = set(self.losses.order[: self.losses.leaders].tolist())
        drawn = sum(player in leaders for player in self.rows)
        return drawn if self.losses.leaders > 1 else 0


def measured_losses(
    source: Recording | Ablation, ablation: str | None = None, *, top: int | None = None, level: float = 0.95
) -> MeasuredLosses:
    """The losses of return of each player.

    Args:
        source: a recording that was ablated, or an ablation.
        ablation: the key of one of a recording's; None is the latest.
        top: how many players to draw: those with the largest losses of either sign; None for all.
        level: of the intervals.

    Raises:
        RecordingError: the recording has no ablation.
        UnknownNameError: there is none of this key.
    """
    opened = chosen_ablation(source, ablation)
    losses = opened.losses(level=level)
    second = opened.losses(opened.second, level) if opened.second else None
    if second is not None and not second.seeds.any():
        second = None
    rows = largest(losses.interval.value, top)
    return MeasuredLosses(opened, losses, second, opened.verdicts(level), rows)


def largest(values: np.ndarray, top: int | None) -> tuple[int, ...]:
    """Positions of the largest magnitudes, by their signed value: the largest first, NaN last."""
    size = np.where(np.isfinite(values), np.abs(values), -1.0)
    drawn = set(np.argsort(-size, kind="stable")[:top].tolist())
    return tuple(int(position) for position in np.argsort(-values, kind="stable") if int(position) in drawn)
