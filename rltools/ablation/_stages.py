"""What is measured, one stage after another: losses with racing, pairs, coalitions, and what can be left out."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from rltools.ablation._ablation import LEVEL
from rltools.ablation._certificate import CERTIFICATE, SEARCH
from rltools.ablation._coalition_values import EXACT_PLAYERS, coalitions, drawn_orders, hidden_along
from rltools.ablation._leave_out import fresh_seeds, search
from rltools.ablation._losses import Losses, lead_over, losses_of
from rltools.ablation._measuring import Measuring
from rltools.ablation._rollouts import Task
from rltools.errors import ArgumentError

RACED_TOGETHER = 16
"""The seeds of a batch of the race."""
RACE_LEVEL = 0.99
"""A player drops out of the race if the interval of its paired difference to the first does, at this level: about 2.6
standard errors, because each batch looks again."""
SECOND_SEEDS = 8
"""The most seeds of the second replacement."""
MOST_PAIRS = 15
LEADING_PLAYERS = 4
"""The players whose pairs are measured where coalitions are drawn."""


def losses(measuring: Measuring, replacement: str = "") -> Losses:
    """The losses so far."""
    name = replacement or measuring.spec.replace
    conditions = measuring.rollouts.by_condition.values()
    floor = float(min((np.mean(list(returns.values())) for returns in conditions), default=np.nan))
    return losses_of(measuring.spec.players, name, lambda hidden: measuring.returns(hidden, name), LEVEL, floor)


def measure_losses(measuring: Measuring, seeds: int, most: int) -> None:
    """Hide each player at every seed, race the leaders, and do the same with the second replacement at a few seeds."""
    everyone = [measuring.hiding((player,)) for player in range(measuring.players)]
    measuring.run(everyone, range(seeds), "loss", "each feature hidden")
    count = seeds
    while count < most and len(leaders := _in_the_race(losses(measuring))) > 1:
        count = min(count + RACED_TOGETHER, most)
        raced = [("", ()), *(measuring.hiding((player,)) for player in leaders)]
        measuring.run(raced, range(count), "loss", f"{len(leaders)} leaders hidden")
    if second := measuring.spec.second:
        every = [measuring.hiding((player,), second) for player in range(measuring.players)]
        measuring.run(every, range(min(seeds, SECOND_SEEDS)), "second", f"each feature hidden by {second}")


def _in_the_race(current: Losses) -> list[int]:
    """The players that may be first; none if all of these lose everything, which no further seed changes."""
    first = int(current.order[0])
    racing = [first]
    for player in map(int, current.order[1:]):
        lead = lead_over(current.differences[first], current.differences[player])
        if not lead.interval(RACE_LEVEL).low > 0:
            racing.append(player)
    return [] if current.at_floor[racing].all() else racing


def measure_pairs(measuring: Measuring, seeds: int, part: float) -> None:
    """Find players that are needed only together: hide all that seem not to be needed, and if that costs, each pair."""
    current = losses(measuring)
    allowed = part * abs(float(current.baseline.value))
    unneeded = [
        player
        for player, (value, low) in enumerate(zip(current.interval.value, current.interval.low, strict=True))
        if not low > 0 or value < allowed
    ]
    if len(unneeded) < 2:
        return
    measuring.run([measuring.hiding(unneeded)], range(seeds), "together", "the others hidden together")
    baseline, together = measuring.returns(()), measuring.returns(unneeded)
    costs = [baseline[number] - value for number, value in together.items() if number in baseline]
    if not costs or float(np.mean(costs)) <= allowed:
        return
    # The likeliest pairs first: those that lose most alone.
    ranked = sorted(unneeded, key=lambda player: -float(current.interval.value[player]))
    pairs = [tuple(sorted(pair)) for pair in combinations(ranked, 2)][:MOST_PAIRS]
    measuring.run([measuring.hiding(pair) for pair in pairs], range(seeds), "together", "pairs hidden")


def measure_coalitions(measuring: Measuring, seeds: int) -> None:
    """Measure all coalitions of up to 8 players; beyond, those along pairs of orders, and both ends of the curves."""
    players = measuring.players
    if players <= EXACT_PLAYERS:
        hidden = [measuring.hiding(each) for each in coalitions(players)]
        measuring.run(hidden, range(seeds), "coalition", "every set of features hidden")
        return
    orders = drawn_orders(players, 2 * seeds, measuring.spec.seed)
    tasks = [Task(*measuring.hiding(hidden), number) for order, number in orders for hidden in hidden_along(order)]
    measuring.run_tasks(tasks, "coalition", f"features hidden along {len(orders)} orders")
    current = losses(measuring)
    order = tuple(map(int, current.order))
    along = [measuring.hiding(hidden) for each in (order, order[::-1]) for hidden in hidden_along(each)]
    alone = [measuring.hiding(sorted(set(order) - {player})) for player in order]
    pairs = [measuring.hiding(sorted(pair)) for pair in combinations(order[:LEADING_PLAYERS], 2)]
    measuring.run([*along, *alone, *pairs], range(seeds), "curve", "features hidden in order of their losses")


def measure_leave_out(measuring: Measuring, part: float, most: int) -> None:
    """Search what can be left out for less than a part of the return, and certify it at fresh seeds.

    Raises:
        ArgumentError: the return is zero.
    """
    current = losses(measuring)
    if float(current.baseline.value) == 0:
        raise ArgumentError(
            "leave_out keeps a part of the return, and the mean return is 0; leave it out, the losses are measured"
        )
    hidden = search(
        current,
        lambda conditions, numbers: measuring.run(
            [measuring.hiding(each) for each in conditions], numbers, SEARCH, "searching what can be left out", part
        ),
        measuring.returns,
        part,
    )
    # If nothing passes, the fresh seeds show what even the smallest loss costs.
    hidden = hidden or (int(current.order[-1]),)
    seeds = fresh_seeds(hidden, measuring.returns, part, most)
    measuring.run([("", ()), measuring.hiding(hidden)], seeds, CERTIFICATE, "certifying at fresh seeds", part)
