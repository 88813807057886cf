"""Outcome Shapley values: what each player contributes to the return."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.stats import Interval, Jackknife, across

EXACT_PLAYERS = 8
"""The most players whose coalitions are all measured: 256."""

Returns = Callable[[tuple[int, ...]], Mapping[int, float]]


@dataclass(frozen=True)
class CoalitionValues:
    """The outcome Shapley values of all players: they share out what all together gain over none.

    The value of a coalition is the mean return when all players outside of it are hidden (Beechey et al. 2023, the
    outcome of the policy).

    Attributes:
        players: the names of the players.
        interval: the Shapley value of each player, `[player]`, in units of the return, with its interval.
        standard_error: `[player]`.
        total: what all players together gain over none, with its interval.
        exact: whether all coalitions were measured; else pairs of an order and its reverse were drawn.
        seeds: the number of seeds, each with all coalitions, or of pairs of orders, each with a seed of its own.
    """

    players: tuple[str, ...]
    interval: Interval
    standard_error: np.ndarray
    total: Interval
    exact: bool
    seeds: int

    __repr__ = short_repr


@dataclass(frozen=True)
class Interaction:
    """What hiding two players together costs beyond the sum of hiding each alone.

    Attributes:
        players: the names of both.
        interval: loss of both minus the loss of each. Above zero each can stand in for the other; below zero they are
            needed together, and the loss of one is also that of the other.
        both: the loss without both, with its interval.
        seeds: how many seeds it is the mean over.
    """

    players: tuple[str, str]
    interval: Interval
    both: Interval
    seeds: int

    __repr__ = short_repr


def coalitions(players: int) -> list[tuple[int, ...]]:
    """The players hidden in each coalition of all others, by their number: from none hidden to all."""
    return [hidden for size in range(players + 1) for hidden in combinations(range(players), size)]


def drawn_orders(players: int, pairs: int, seed: int) -> list[tuple[tuple[int, ...], int]]:
    """Orders of the players with the number of the seed of each: a random one and its reverse, with the same seed.

    The reverse makes the errors of the two cancel in part (antithetic sampling, Mitchell et al. 2022).
    """
    orders = []
    for number in range(pairs):
        order = tuple(map(int, np.random.default_rng([seed, 3, number]).permutation(players)))
        orders += [(order, number), (order[::-1], number)]
    return orders


def hidden_along(order: tuple[int, ...]) -> list[tuple[int, ...]]:
    """What is hidden when the players of an order are hidden one after another, from none to all."""
    return [tuple(sorted(order[:count])) for count in range(len(order) + 1)]


def exact_values(players: tuple[str, ...], returns: Returns, level: float) -> CoalitionValues | None:
    """Shapley values from all coalitions, for each seed at which all were measured; None if there is none."""
    count = len(players)
    by_hidden = {hidden: returns(hidden) for hidden in coalitions(count)}
    numbers = set.intersection(*(set(values) for values in by_hidden.values()))
    if not numbers:
        return None
    ordered = sorted(numbers)
    value = {hidden: np.array([values[number] for number in ordered]) for hidden, values in by_hidden.items()}
    shares = np.zeros((len(ordered), count))
    for hidden, with_player in value.items():
        for player in set(range(count)) - set(hidden):
            without = tuple(sorted((*hidden, player)))
            weight = 1 / (count * comb(count - 1, len(hidden)))
            shares[:, player] += weight * (with_player - value[without])
    total = value[()] - value[tuple(range(count))]
    return _values(players, across(shares), across(total), level, exact=True, seeds=len(ordered))


def sampled_values(
    players: tuple[str, ...], returns: Returns, pairs: int, seed: int, level: float
) -> CoalitionValues | None:
    """Shapley values from pairs of orders; None if no pair was measured in full."""
    shares, totals = [], []
    orders = drawn_orders(len(players), pairs, seed)
    for (first, number), (second, _) in zip(orders[::2], orders[1::2], strict=True):
        steps = [_along(order, returns, number) for order in (first, second)]
        if steps[0] is None or steps[1] is None:
            continue
        shares.append((steps[0] + steps[1]) / 2)
        totals.append(shares[-1].sum())
    if not shares:
        return None
    return _values(players, across(np.array(shares)), across(np.array(totals)), level, exact=False, seeds=len(shares))


def _along(order: tuple[int, ...], returns: Returns, number: int) -> np.ndarray | None:
    """What hiding each player in turn costs at one seed, float `[player]`; None if an episode is missing."""
    values = [returns(hidden).get(number) for hidden in hidden_along(order)]
    if any(value is None for value in values):
        return None
    costs = np.zeros(len(order))
    costs[list(order)] = -np.diff(np.array(values, dtype=np.float64))
    return costs


def _values(
    players: tuple[str, ...], shares: Jackknife, total: Jackknife, level: float, *, exact: bool, seeds: int
) -> CoalitionValues:
    return CoalitionValues(
        players, shares.interval(level), shares.standard_error(), total.interval(level), exact, seeds
    )


def alone_values(players: tuple[str, ...], returns: Returns, level: float) -> Interval | None:
    """How much more than nothing each player is worth if the policy sees it alone; None if that was not measured."""
    everyone = tuple(range(len(players)))
    nothing = returns(everyone)
    gains = []
    for player in everyone:
        alone = returns(tuple(other for other in everyone if other != player))
        gains.append(
            across(np.array([alone[number] - nothing[number] for number in sorted(alone) if number in nothing]))
        )
    if not nothing or any(np.isnan(gain.value) for gain in gains):
        return None
    intervals = [gain.interval(level) for gain in gains]
    return Interval(
        *(np.array([float(getattr(each, name)) for each in intervals]) for name in ("value", "low", "high"))
    )


def measured_interactions(players: tuple[str, ...], returns: Returns, level: float) -> tuple[Interaction, ...]:
    """The interactions of all pairs that were measured, the largest first."""
    interactions = []
    baseline = returns(())
    single = [returns((player,)) for player in range(len(players))]
    for first, second in combinations(range(len(players)), 2):
        both, left, right = returns((first, second)), single[first], single[second]
        numbers = [number for number in sorted(both) if number in baseline and number in left and number in right]
        if not numbers:
            continue
        excess = [left[number] + right[number] - both[number] - baseline[number] for number in numbers]
        loss = [baseline[number] - both[number] for number in numbers]
        interactions.append(
            Interaction(
                (players[first], players[second]),
                across(np.array(excess)).interval(level),
                across(np.array(loss)).interval(level),
                len(numbers),
            )
        )
    return tuple(sorted(interactions, key=lambda each: -abs(float(each.interval.value))))
