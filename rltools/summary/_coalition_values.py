"""What each player is worth: by the outcome Shapley value, if it is hidden alone, and if it is seen alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.ablation import Ablation, CoalitionValues, Interaction, Losses
from rltools.recording import Recording
from rltools.stats import Interval
from rltools.summary._ablations import chosen_ablation, without_coalitions
from rltools.summary._losses import largest


@dataclass(frozen=True)
class PlayerValues:
    """Three answers to the question what each player is worth, as a plot draws them.

    Attributes:
        ablation: from which they are.
        shapley: the outcome Shapley values; None without a complete episode.
        losses: what the return loses if a player is hidden alone.
        alone: how much more than nothing the return is if a player is seen alone, `[player]`; NaN if not measured.
        interactions: those of the measured pairs that are certain, the largest first; their intervals are corrected
            for the number of pairs.
        pairs: how many pairs were measured.
        rows: positions of the players to draw, the largest Shapley value first.
    """

    ablation: Ablation
    shapley: CoalitionValues | None
    losses: Losses
    alone: Interval
    interactions: tuple[Interaction, ...]
    pairs: int
    rows: tuple[int, ...]

    __repr__ = short_repr


def player_values(
    source: Recording | Ablation, ablation: str | None = None, *, top: int | None = None, level: float = 0.95
) -> PlayerValues:
    """The outcome Shapley values of an ablation, and what they are to be compared with.

    Args:
        source: a recording that was ablated, or an ablation.
        ablation: the key of one of a recording's; None is the latest.
        top: how many players to draw: those with the largest values of either sign; None for all.
        level: of the intervals.

    Raises:
        RecordingError: the recording has no ablation, or coalitions were not measured.
        UnknownNameError: there is none of this key.
    """
    opened = chosen_ablation(source, ablation)
    shapley = opened.shapley(level)
    if shapley is None and opened.returns():
        raise without_coalitions(opened)
    missing = np.full(len(opened.players), np.nan)
    pairs = len(opened.interactions(level))
    # Of many pairs some interact by chance: Bonferroni's correction, as for verdicts.
    interactions = opened.interactions(1 - (1 - level) / max(pairs, 1))
    certain = tuple(pair for pair in interactions if pair.interval.low > 0 or pair.interval.high < 0)
    values = missing if shapley is None else shapley.interval.value
    return PlayerValues(
        ablation=opened,
        shapley=shapley,
        losses=opened.losses(level=level),
        alone=opened.alone(level) or Interval(missing, missing, missing),
        interactions=certain,
        pairs=pairs,
        rows=largest(values, top),
    )
