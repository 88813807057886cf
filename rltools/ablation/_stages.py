"""What is measured, one stage after another: losses with racing, pairs, coalitions, and what can be left out."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from rltools.ablation._ablation import LEVEL
from rltools.ablation._certificate import CERTIFICATE, SEARCH
from rltools.ablation._coalition_values import EXACT_PLAYERS, coalitions, drawn_orders, hidden_along
from rltools.ablation._leave_out import fresh_seeds, search
from rltools.ablation._losses import Losses, lead_over, losses_of
from rltools.ablation._rollouts import Task
from rltools.ablation._runner import AblationRunner
from rltools.errors import ArgumentError
from rltools.stats import fewest_alike

RACED_TOGETHER = 16
"""The seeds of a batch of the race."""
RACE_LEVEL = 0.99
"""A player drops out of the race if the interval of its paired difference to the first does, at this level: about 2.6
standard errors, because each batch looks again."""
SECOND_SEEDS = 8
"""The most seeds of the second replacement."""
MOST_PAIRS = 6
"""Pairs of players that seem not to be needed: those of the four that lose most alone."""
LEADING_PLAYERS = 4
"""The players whose pairs are measured where coalitions are drawn."""


def losses(runner: AblationRunner) -> Losses:
    """The losses so far, by the main replacement."""
    spec, floor = runner.spec, runner.rollouts.measured.floor
    return losses_of(spec.players, spec.replace, runner.returns, LEVEL, floor)


def measure_losses(runner: AblationRunner, seeds: int, most: int) -> None:
    """Hide each player at every seed, race the leaders, and do the same with the second replacement at a few seeds."""
    everyone = [runner.hiding((player,)) for player in range(runner.players)]
    runner.run(everyone, range(seeds), "loss", "each feature hidden")
    count, reached = seeds, dict.fromkeys(range(runner.players), seeds)
    while len(leaders := _in_the_race(losses(runner))) > 1:
        # Players that another first one brings back into the race catch up before it goes on, and also at its end:
        # otherwise the same call made again would do that, and change the losses.
        if all(reached[player] == count for player in leaders):
            if count >= most:
                break
            count = min(count + RACED_TOGETHER, most)
        raced = [("", ()), *(runner.hiding((player,)) for player in leaders)]
        runner.run(raced, range(count), "loss", f"{len(leaders)} leaders hidden")
        reached |= dict.fromkeys(leaders, count)
    if second := runner.spec.second:
        every = [runner.hiding((player,), second) for player in range(runner.players)]
        runner.run(every, range(min(seeds, SECOND_SEEDS)), "second", f"each feature hidden by {second}")


def _in_the_race(current: Losses) -> list[int]:
    """The players that may be first; none if no further seed changes that.

    That is so if all of them lose everything, or if all lose the same at every seed, as where nothing is lost at all.
    """
    measured = [int(player) for player in current.order if current.seeds[player]]
    if not measured:  # every episode ended by a fault
        return []
    first, *others = measured
    racing = [first]
    for player in others:
        lead = lead_over(current.differences[first], current.differences[player])
        if not lead.interval(RACE_LEVEL).low > 0:
            racing.append(player)
    alike = all(_always_alike(current.differences[first], current.differences[player]) for player in racing[1:])
    return [] if alike or current.at_floor[racing].all() else racing


def _always_alike(first: Mapping[int, float], other: Mapping[int, float]) -> bool:
    """Whether two players lose the same at so many seeds that others are expected to agree."""
    common = first.keys() & other.keys()
    return len(common) >= fewest_alike(RACE_LEVEL) and all(first[number] == other[number] for number in common)


def measure_pairs(runner: AblationRunner, seeds: int, part: float) -> None:
    """Find players that are needed only together: hide all that seem not to be needed, and if that costs, each pair."""
    current = losses(runner)
    allowed = part * abs(float(current.baseline.value))
    unneeded = [
        player
        for player, (value, low) in enumerate(zip(current.interval.value, current.interval.low, strict=True))
        if current.seeds[player] and (not low > 0 or value < allowed)
    ]
    if len(unneeded) < 2:
        return
    runner.run([runner.hiding(unneeded)], range(seeds), "together", "the others hidden together")
    baseline, together = runner.returns(()), runner.returns(unneeded)
    costs = [baseline[number] - value for number, value in together.items() if number in baseline]
    if not costs or float(np.mean(costs)) <= allowed:
        return
    # The likeliest pairs first: those that lose most alone.
    ranked = sorted(unneeded, key=lambda player: -float(current.interval.value[player]))
    pairs = [tuple(sorted(pair)) for pair in combinations(ranked, 2)][:MOST_PAIRS]
    runner.run([runner.hiding(pair) for pair in pairs], range(seeds), "together", "pairs hidden")


def measure_coalitions(runner: AblationRunner, seeds: int) -> None:
    """Measure all coalitions of up to 8 players; beyond, those along pairs of random orders."""
    players = runner.players
    if players <= EXACT_PLAYERS:
        hidden = [runner.hiding(each) for each in coalitions(players)]
        runner.run(hidden, range(seeds), "coalition", "every set of features hidden")
        return
    orders = drawn_orders(players, 2 * seeds, runner.spec.seed)
    tasks = [Task(*runner.hiding(hidden), number) for order, number in orders for hidden in hidden_along(order)]
    runner.run_tasks(tasks, "coalition", f"features hidden along {len(orders)} orders")


def measure_curves(runner: AblationRunner, seeds: int) -> None:
    """Hide players one after another in the order of their losses and in reverse, where not all sets are measured."""
    if runner.players <= EXACT_PLAYERS:
        return
    order = tuple(map(int, losses(runner).order))
    along = [runner.hiding(hidden) for each in (order, order[::-1]) for hidden in hidden_along(each)]
    alone = [runner.hiding(sorted(set(order) - {player})) for player in order]
    pairs = [runner.hiding(sorted(pair)) for pair in combinations(order[:LEADING_PLAYERS], 2)]
    runner.run([*along, *alone, *pairs], range(seeds), "curve", "features hidden in order of their losses")


def measure_leave_out(runner: AblationRunner, part: float, most: int) -> None:
    """Search what can be left out for less than a part of the return, and certify it at fresh seeds.

    Raises:
        ArgumentError: the return is zero.
    """
    current = losses(runner)
    if float(current.baseline.value) == 0:
        raise ArgumentError(
            "the mean return is 0, so there is no part of it to keep; ablate without leave_out: the losses are measured"
        )
    hidden = search(
        current,
        lambda conditions, numbers: runner.run(
            [runner.hiding(each) for each in conditions], numbers, SEARCH, "searching what can be left out", part
        ),
        runner.returns,
        part,
    )
    # If nothing passes, the fresh seeds show what even the smallest loss costs.
    measured = current.order[current.seeds[current.order] > 0]
    hidden = hidden or (int(measured[-1] if len(measured) else current.order[-1]),)
    seeds = fresh_seeds(hidden, runner.returns, part, most)
    runner.run([("", ()), runner.hiding(hidden)], seeds, CERTIFICATE, "certifying at fresh seeds", part)
