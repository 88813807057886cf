"""Curves of the return along the order of a map, from measured coalitions, between a random and the best order."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from rltools.metrics._support.case import Case
from rltools.metrics._support.measured_orders import along_measured_orders
from rltools.metrics._support.not_applicable import NotApplicableError
from rltools.metrics._support.value import Value
from rltools.stats import Jackknife, joint

MOST_PLAYERS = 8
"""The most players whose every coalition is ever measured."""


def along_order(case: Case, *, showing: bool) -> Value:
    """The mean return along the order of a map, as a part of the way from a random order to the best one.

    If not every set of features was hidden, but those along the order were, it is compared with the orders that were
    measured: see `along_measured_orders`.

    Args:
        case: with all coalitions measured.
        showing: show features one after another, from none; otherwise hide them, from all.

    Raises:
        NotApplicableError: not all sets were measured, or every order has the same curve.
    """
    sizes, players = case.compared, len(case.players)
    if len(sizes.sizes.value) < players:
        raise NotApplicableError("not every feature was measured")
    returns = case.once("returns of coalitions", lambda: coalition_returns(case))
    if returns is None:
        return along_measured_orders(case, showing=showing)
    heights = case.once(("heights", showing), lambda: _with_ends(returns, players, showing=showing))
    if not heights.value[-1] > heights.value[-2]:
        raise NotApplicableError("every order of the features has the same curve")

    def share(size: np.ndarray, height: np.ndarray) -> np.ndarray:
        path = _path(np.argsort(-size, axis=-1, kind="stable"), showing=showing)
        lead = np.broadcast_shapes(path.shape[:-1], height.shape[:-1])
        path, height = (np.broadcast_to(each, (*lead, each.shape[-1])) for each in (path, height))
        mean = np.take_along_axis(height, path, axis=-1).mean(axis=-1)
        chance, best = height[..., -2], height[..., -1]
        return np.asarray((mean - chance) / (best - chance))

    estimate = joint(share, sizes.sizes, heights)
    return Value(estimate, sizes.sources, len(returns.without[0]))


def coalition_returns(case: Case) -> Jackknife | None:
    """The mean return with each set of players hidden, `[set]`: bit i of a set is player i; also without each seed.

    None if not every set was measured at the same seed.
    """
    ablation, players = case.ablation, len(case.players)
    if ablation is None or players > MOST_PLAYERS:
        return None
    sets = [[player for player in range(players) if number >> player & 1] for number in range(1 << players)]
    returns = [ablation.returns(hidden) for hidden in sets]
    seeds = sorted(set.intersection(*(set(each) for each in returns)))
    if not seeds:
        return None
    table = np.array([[each[seed] for each in returns] for seed in seeds])
    others = (table.sum(axis=0) - table) / (len(seeds) - 1) if len(seeds) > 1 else table[:0]
    return Jackknife(table.mean(axis=0), (others,))


def _with_ends(returns: Jackknife, players: int, *, showing: bool) -> Jackknife:
    """How good each set is on a curve, and behind them the mean height of random orders and that of the best one."""
    sign = 1 if showing else -1  # a deletion curve is better the lower it is

    def extended(height: np.ndarray) -> np.ndarray:
        height = sign * height
        chance = np.mean(
            [
                np.mean([height[..., _number(members)] for members in combinations(range(players), size)], axis=0)
                for size in range(1, players)
            ],
            axis=0,
        )
        return np.concatenate([height, chance[..., None], _best(height, players)[..., None]], axis=-1)

    return Jackknife(extended(returns.value), tuple(extended(source) for source in returns.without))


def _best(height: np.ndarray, players: int) -> np.ndarray:
    """The largest mean height along any order, by going through sets of growing size (Held and Karp 1962)."""
    total: dict[int, np.ndarray] = {0: np.zeros(height.shape[:-1])}
    for size in range(1, players):
        for members in combinations(range(players), size):
            number = _number(members)
            before = np.max([total[number & ~(1 << player)] for player in members], axis=0)
            total[number] = height[..., number] + before
    everyone = (1 << players) - 1
    best: np.ndarray = np.max([total[everyone & ~(1 << player)] for player in range(players)], axis=0)
    return best / (players - 1)


def _number(members: tuple[int, ...]) -> int:
    return sum(1 << player for player in members)


def _path(order: np.ndarray, *, showing: bool) -> np.ndarray:
    """The sets hidden along orders `[..., player]`, but for none and all: int64 `[..., player - 1]`."""
    hidden = order[..., ::-1] if showing else order
    path: np.ndarray = np.cumsum(1 << hidden, axis=-1)[..., :-1]
    return path
