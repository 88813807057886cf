"""Curves of the return along the order of a map, between the orders whose sets of features were hidden."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rltools.metrics._support.case import Case
from rltools.metrics._support.not_applicable import NotApplicableError
from rltools.metrics._support.value import Value
from rltools.stats import across, joint

if TYPE_CHECKING:
    from rltools.ablation import Ablation

PAIRS = 4
"""How many random orders, each with its reverse, stand for all of them."""
Order = tuple[int, ...]


def along_measured_orders(case: Case, *, showing: bool) -> Value:
    """The mean return along the order of a map: 0 is the mean of random orders, 1 the best order that was measured.

    These are a few random orders with their reverses, that of the losses, and that of the map itself.

    Args:
        case: with the sets along these orders measured, see `sets_along`.
        showing: show features one after another, from none; otherwise hide them, from all.

    Raises:
        NotApplicableError: a set was not measured, or every order has the same curve.
    """
    ablation = case.ablation
    if ablation is None:
        raise NotApplicableError("no losses were measured")
    chance = random_orders(len(case.players))
    own = chance[case.draw % len(chance)] if case.control == "random" else order_of(case)
    orders = [*chance, loss_order(case), own]
    heights = case.once(("heights", showing, own), lambda: _heights(ablation, orders, showing=showing))
    if heights is None:
        raise NotApplicableError(
            "the sets of features along its order were not hidden; measure them with rltools.ablate(..., "
            "coalitions=True) for up to 8 features, or with curve_seeds"
        )
    estimate = across(heights)
    if not np.ptp(estimate.value) > 0:
        raise NotApplicableError("every order of the features has the same curve")

    def share(height: np.ndarray) -> np.ndarray:
        middle = height[..., : len(chance)].mean(axis=-1)
        return np.asarray((height[..., -1] - middle) / (height.max(axis=-1) - middle))

    value = joint(share, estimate)
    return Value(value, ("seeds",)[: len(value.without)], len(heights))


def order_of(case: Case) -> Order:
    """The players of a map, the largest first."""
    return tuple(map(int, np.argsort(-case.sizes.sizes.value, kind="stable")))


def loss_order(case: Case) -> Order:
    """The players by their measured losses, the largest first and those without one last."""
    losses = np.full(len(case.players), -np.inf)
    if case.ablation is not None:
        for player, differences in enumerate(case.ablation.losses().differences):
            losses[player] = np.mean(list(differences.values())) if differences else -np.inf
    return tuple(map(int, np.argsort(-losses, kind="stable")))


def random_orders(players: int) -> list[Order]:
    """The random orders that stand for all, each followed by its reverse."""
    orders: list[Order] = []
    for number in range(PAIRS):
        order = tuple(map(int, np.random.default_rng((4, number)).permutation(players)))
        orders += [order, order[::-1]]
    return orders


def sets_along(cases: Sequence[Case]) -> list[Order]:
    """The sets of players that deletion and insertion hide along the orders of these cases and of what they need."""
    players = len(cases[0].players)
    orders = [*random_orders(players), loss_order(cases[0]), order_of(cases[0].as_control("std"))]
    orders += [order_of(case) for case in cases]
    both: Iterable[Order] = (each for order in orders for each in (order, order[::-1]))
    sets = {tuple(sorted(order[:count])) for order in both for count in range(1, players)}
    return sorted(sets, key=lambda members: (len(members), members))


def _heights(ablation: Ablation, orders: Sequence[Order], *, showing: bool) -> np.ndarray | None:
    """How good the curve of each order is at each seed, `[seed, order]`; None if a set was not measured."""
    sign = 1 if showing else -1  # a deletion curve is better the lower it is
    paths = [
        [tuple(order[count:]) if showing else tuple(order[:count]) for count in range(1, len(order))]
        for order in orders
    ]
    returns = [[ablation.returns(members) for members in path] for path in paths]
    seeds = sorted(set.intersection(*(set(each) for path in returns for each in path)))
    if not seeds:
        return None
    return np.array([[sign * np.mean([each[seed] for each in path]) for path in returns] for seed in seeds])
