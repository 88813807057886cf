"""Deletion and insertion curves: the return as players are hidden, or shown, one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.ablation._coalition_values import Returns, hidden_along
from rltools.stats import Interval, across


@dataclass(frozen=True)
class Curve:
    """The mean return as more and more players are hidden in an order.

    Attributes:
        order: positions of the players, the one hidden first; None for the mean over random orders.
        interval: the mean return with 0, 1, ... all players hidden, `[count]`, with its interval.
        seeds: int64 `[count]`, how many episodes, or orders, each point is the mean over.
    """

    order: tuple[int, ...] | None
    interval: Interval
    seeds: np.ndarray

    __repr__ = short_repr

    @property
    def area(self) -> float:
        """The mean height of the curve: for deletion, lower means that what was hidden first is needed more."""
        value = self.interval.value
        return float(((value[1:] + value[:-1]) / 2).mean())


@dataclass(frozen=True)
class Curves:
    """Deletion curves in three orders. The insertion curve of an order is the deletion curve of its reverse, read back.

    Attributes:
        best: the largest loss first.
        reverse: the smallest loss first.
        random: the mean over random orders.
    """

    best: Curve
    reverse: Curve
    random: Curve

    __repr__ = short_repr

    def insertion(self, name: str) -> Interval:
        """The mean return with 0, 1, ... all players shown in an order: "best", "reverse" or "random"."""
        curve = {"best": self.reverse, "reverse": self.best, "random": self.random}[name]
        return Interval(*(getattr(curve.interval, end)[::-1] for end in ("value", "low", "high")))


def curve_along(order: Sequence[int], returns: Returns, level: float) -> Curve | None:
    """The deletion curve of one order; None if a point was not measured."""
    conditions = [returns(hidden) for hidden in hidden_along(tuple(order))]
    if not all(conditions):
        return None
    return Curve(tuple(order), *_points([list(values.values()) for values in conditions], level))


def random_curve(
    players: int, returns: Returns, orders: Sequence[tuple[tuple[int, ...], int]] | None, level: float
) -> Curve | None:
    """The mean deletion curve over random orders.

    Args:
        players: how many there are.
        returns: by hidden players and number of the seed.
        orders: the orders that were drawn, with their seeds; None if all coalitions were measured.
        level: of the intervals.
    """
    if orders is not None:
        walks: dict[int, list[list[float]]] = {}
        for order, number in orders:
            walk = [returns(hidden).get(number) for hidden in hidden_along(order)]
            if all(value is not None for value in walk):
                walks.setdefault(number, []).append([float(value) for value in walk if value is not None])
        # An order and its reverse share a seed, and so count as one draw.
        points = np.array([np.mean(pair, axis=0) for pair in walks.values()]).T.tolist()
    else:
        points = [
            _mean_by_seed([returns(h) for h in combinations(range(players), size)]) for size in range(players + 1)
        ]
    if not points or not all(points):
        return None
    return Curve(None, *_points(points, level))


def _mean_by_seed(conditions: Sequence[Mapping[int, float]]) -> list[float]:
    """The mean over conditions at each seed at which all were measured."""
    numbers = set.intersection(*(set(values) for values in conditions))
    return [float(np.mean([values[number] for values in conditions])) for number in sorted(numbers)]


def _points(samples: Sequence[Sequence[float]], level: float) -> tuple[Interval, np.ndarray]:
    intervals = [across(np.array(values)).interval(level) for values in samples]
    ends = (np.array([float(getattr(each, end)) for each in intervals]) for end in ("value", "low", "high"))
    return Interval(*ends), np.array([len(values) for values in samples], np.int64)
