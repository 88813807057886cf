"""Ablations made by hand: the return of every episode is a function of what is hidden."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import combinations

import numpy as np

from rltools.ablation import Ablation, AblationSpec, Rollouts

Returned = Callable[[str, tuple[int, ...], int], float]
"""From the replacement, the hidden players and the number of the seed to the return; NaN is a fault."""
Row = tuple[str, str, tuple[int, ...], int, float]


def ablated(
    returned: Returned,
    players: Sequence[str] = ("a", "b", "c"),
    *,
    seeds: int = 8,
    second: str = "",
    second_seeds: int = 8,
    sets: Collection[tuple[int, ...]] = (),
    coalitions: bool = False,
    fresh: tuple[int, ...] = (),
    fresh_seeds: int = 40,
    limited: int = 0,
    replace: str = "resample",
) -> Ablation:
    """An ablation of players with an element each.

    Args:
        returned: the return of an episode.
        players: their names.
        seeds: at how many seeds each is hidden.
        second: the second replacement; "" for none.
        second_seeds: its seeds.
        sets: players that were hidden together.
        coalitions: whether every set was hidden.
        fresh: players that a certificate leaves out; none for no certificate.
        fresh_seeds: its seeds.
        limited: how many episodes were ended at the limit.
        replace: the main replacement.
    """
    count = len(players)
    every = [hidden for size in range(count + 1) for hidden in combinations(range(count), size)]
    singles = [(player,) for player in range(count)]
    rows: list[Row] = []

    def add(purpose: str, name: str, hidden: tuple[int, ...], numbers: range, part: float = np.nan) -> None:
        rows.extend((purpose, name if hidden else "", hidden, number, part) for number in numbers)

    for hidden in [(), *singles]:
        add("loss", replace, hidden, range(seeds))
    for hidden in every if coalitions else sets:
        add("coalition" if coalitions else "together", replace, hidden, range(seeds))
    for hidden in singles if second else ():
        add("second", second, hidden, range(second_seeds))
    for hidden in ((), fresh) if fresh else ():
        add("certificate", replace, hidden, range(1000, 1000 + fresh_seeds), 0.05)
    rows = [row for index, row in enumerate(rows) if row[:4] not in {other[:4] for other in rows[:index]}]
    total = np.array([returned(name, hidden, number) for _, name, hidden, number, _ in rows], np.float64)
    hidden_players = np.zeros((len(rows), count), bool)
    for index, row in enumerate(rows):
        hidden_players[index, list(row[2])] = True
    faults = np.isnan(total)
    ended = np.where(faults, "fault", np.where(np.arange(len(rows)) < limited, "limit", "terminated"))
    rollouts = Rollouts(
        replacement=np.array([row[1] for row in rows], object),
        hidden=hidden_players,
        number=np.array([row[3] for row in rows], np.int64),
        seed=np.array([row[3] for row in rows], np.int64),
        total_reward=total,
        steps=np.full(len(rows), 10, np.int64),
        ended=ended.astype(object),
        fault=np.where(faults, "it broke", "").astype(object),
        purpose=np.array([row[0] for row in rows], object),
        part=np.array([row[4] for row in rows], np.float64),
    )
    spec = AblationSpec(replace, second, "variables", tuple(players), 0, 500, 64, "agent", "0" * 64, "", "0" * 64)
    return Ablation(spec, tuple(np.array([player]) for player in range(count)), rollouts)


def noise(number: int, size: float = 1.0) -> float:
    """Noise that depends on the seed alone."""
    return size * float(np.random.default_rng(number).normal())
