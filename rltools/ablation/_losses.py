"""Losses of return: how much lower the return is without a player, paired by seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.stats import Interval, Jackknife, across

AT_FLOOR = 0.02
"""Returns that all lie this close to the lowest mean, as a part of the way down to it, have lost everything."""


@dataclass(frozen=True)
class Losses:
    """How much lower the return is when each player is hidden, alone.

    A loss is signed: below zero, the agent does better without the player. Losses are not shares of anything: each of
    two players that are needed together may lose everything, and each of two that tell the same may lose nothing.

    Attributes:
        players: the names of the players.
        replacement: what stood in the place of their values.
        interval: the loss of each player, `[player]`, with its interval; NaN for one that was not measured.
        standard_error: of each loss, `[player]`.
        seeds: int64 `[player]`, how many pairs of episodes each loss is the mean of.
        order: int64 `[player]`, positions, the largest loss first and NaN last.
        leaders: how many of the first in order cannot be told apart from the first, itself included; 1 if its lead is
            certain, 0 if nothing was measured.
        at_floor: bool `[player]`, whether the return without the player is the lowest one that was seen at all, so that
            everything is lost and a larger loss cannot show.
        baseline: the mean return with nothing hidden, over the seeds of the first in order, with its interval.
        differences: for each player the return with it minus the return without it, by the number of the seed.
    """

    players: tuple[str, ...]
    replacement: str
    interval: Interval
    standard_error: np.ndarray
    seeds: np.ndarray
    order: np.ndarray
    leaders: int
    at_floor: np.ndarray
    baseline: Interval
    differences: tuple[Mapping[int, float], ...]

    __repr__ = short_repr

    @property
    def tied_at_floor(self) -> bool:
        """Whether the leaders are tied because each of them loses everything."""
        return self.leaders > 1 and bool(self.at_floor[self.order[: self.leaders]].all())


def paired(baseline: Mapping[int, float], hidden: Mapping[int, float]) -> dict[int, float]:
    """The return with everything seen minus the return with something hidden, by the number of the seed."""
    return {number: baseline[number] - value for number, value in sorted(hidden.items()) if number in baseline}


def mean_of(differences: Mapping[int, float]) -> Jackknife:
    """The mean over seeds; NaN without any."""
    return across(np.array(list(differences.values()), dtype=np.float64))


def losses_of(
    players: Sequence[str],
    replacement: str,
    returns: Callable[[tuple[int, ...]], Mapping[int, float]],
    level: float,
    floor: float,
) -> Losses:
    """The losses of all players.

    Args:
        players: their names.
        replacement: the name of the replacement.
        returns: from the positions of the hidden players to the returns by the number of the seed.
        level: of the intervals.
        floor: the lowest mean return of any condition.
    """
    baseline = returns(())
    differences = [paired(baseline, returns((player,))) for player in range(len(players))]
    estimates = [mean_of(each) for each in differences]
    intervals = [estimate.interval(level) for estimate in estimates]
    value = np.array([float(interval.value) for interval in intervals])
    interval = Interval(
        value,
        np.array([float(interval.low) for interval in intervals]),
        np.array([float(interval.high) for interval in intervals]),
    )
    order = np.argsort(-value, kind="stable")
    numbers = (differences[int(order[0])] if players else {}) or baseline
    everything = across(np.array([baseline[number] for number in numbers])).interval(level)
    return Losses(
        tuple(players),
        replacement,
        interval,
        np.array([float(estimate.standard_error()) for estimate in estimates]),
        np.array([len(each) for each in differences], np.int64),
        order,
        count_leaders(order, differences, level),
        _at_floor(baseline, [returns((player,)) for player in range(len(players))], floor),
        everything,
        tuple(differences),
    )


def _at_floor(baseline: Mapping[int, float], without: Sequence[Mapping[int, float]], floor: float) -> np.ndarray:
    """Whether every episode without a player ends near the floor; where returns vary, there is none to be at."""
    reach = float(np.mean(list(baseline.values()))) - floor if baseline else 0.0
    if not reach > 0:
        return np.zeros(len(without), bool)
    near = [np.abs(np.array(list(returns.values())) - floor) <= AT_FLOOR * reach for returns in without]
    return np.array([len(each) > 0 and bool(each.all()) for each in near])


def count_leaders(order: np.ndarray, differences: Sequence[Mapping[int, float]], level: float) -> int:
    """How many of the first cannot be told apart from the first, by paired differences over common seeds."""
    measured = [int(player) for player in order if differences[player]]
    if not measured:
        return 0
    first = differences[measured[0]]
    tied = 1
    for rank, player in enumerate(measured[1:], 2):
        lead = lead_over(first, differences[player])
        if not lead.interval(level).low > 0:
            tied = rank  # whatever is ahead of a tied player is tied too
    return tied


def lead_over(first: Mapping[int, float], other: Mapping[int, float]) -> Jackknife:
    """How much more one player loses than another, over the seeds that both were measured at."""
    return mean_of({number: first[number] - value for number, value in sorted(other.items()) if number in first})
