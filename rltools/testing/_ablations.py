"""Makes ablations from a function, to test code that reads ablations without a policy or an environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from math import isnan, nan

import numpy as np

from rltools._util.arrays import object_column
from rltools.ablation import (
    Ablation,
    AblationSpec,
    Rollouts,
    ablations,
    coalitions,
    drawn_orders,
    find_players,
    hidden_along,
    open_ablation,
    write_ablation,
)
from rltools.recording import Recording

MOST_EXACT = 8
"""The most players whose coalitions `ablate` measures completely."""
Outcome = Callable[[str, tuple[int, ...], int], float]
Row = tuple[str, str, tuple[int, ...], int]
"""Purpose, replacement, hidden players and number of the seed of an episode."""


def example_ablation(
    recording: Recording,
    outcome: Outcome | None = None,
    *,
    seeds: int = 4,
    replace: str = "resample",
    second: str | None = "mean",
    measure_coalitions: bool = False,
) -> Ablation:
    """Write an ablation with these returns into the folder of a recording, with the conditions that `ablate` runs.

    Args:
        recording: whose features are the players.
        outcome: the return of an episode, from the name of the replacement ("" if nothing is hidden), the positions of
            the hidden players and the number of the seed; NaN for an episode that ended by a fault. By default each
            player is worth something of its own, the first two something together, and seeds differ.
        seeds: the number of seeds, and of pairs of orders where coalitions are drawn.
        replace: the name of the main replacement.
        second: the name of the second one; None for none.
        measure_coalitions: whether coalitions were measured: all of up to 8 players, and drawn ones of more.

    Example:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from rltools.testing import example_ablation, example_recording
        >>> recording = example_recording(Path("ablated"), [np.zeros((10, 1, 2))])
        >>> ablation = example_ablation(recording, lambda replacement, hidden, number: 9.0 - 4 * len(hidden))
        >>> ablation.losses().interval.value
        array([4., 4.])
    """
    players = find_players(recording.features, "variables")
    count = len(players.names)
    outcome = outcome or _usual_outcome(count)
    spec = AblationSpec(
        replace, second or "", "variables", players.names, 0, 10_000, 64,
        recording.header.policy, recording.header.policy_sha256, recording.header.environment, recording.seal,
    )  # fmt: skip
    rows = [*_loss_rows(count, seeds, replace, second)]
    if measure_coalitions:
        if count > MOST_EXACT:
            rows += _drawn_rows(count, seeds, replace, spec.seed)
            order = Ablation(spec, players.positions, _rollouts(rows, count, outcome)).losses().order
            rows += _curve_rows(tuple(map(int, order)), seeds, replace)
        else:
            rows += [
                ("coalition", replace if hidden else "", hidden, number)
                for number in range(seeds)
                for hidden in coalitions(count)
            ]
    write_ablation(recording.directory, spec, _rollouts(rows, count, outcome))
    return open_ablation(recording, spec.key)


def copy_ablations(recording: Recording, copy: Recording, *, seeds: int) -> None:
    """Copy the ablations of a recording into a copy of it, with the episodes of the first seeds."""
    for ablation in ablations(recording):
        rollouts = ablation.rollouts.where(ablation.rollouts.number < seeds)
        write_ablation(copy.directory, replace(ablation.spec, recording=copy.seal), rollouts)


def _usual_outcome(players: int) -> Outcome:
    worth = 40 * np.random.default_rng(players).gamma(1.0, 1.0, players)

    def outcome(replacement: str, hidden: tuple[int, ...], number: int) -> float:
        lost = float(worth[list(hidden)].sum()) * (0.8 if replacement == "mean" else 1.0)
        together = 25.0 if {0, 1} <= set(hidden) else 0.0
        noise = 6 * float(np.random.default_rng([number, len(hidden), *hidden[:1]]).normal())
        return 200 - lost - together + noise

    return outcome


def _loss_rows(players: int, seeds: int, replace: str, second: str | None) -> Iterator[Row]:
    for number in range(seeds):
        yield "loss", "", (), number
        for player in range(players):
            yield "loss", replace, (player,), number
            if second:
                yield "second", second, (player,), number


def _drawn_rows(players: int, pairs: int, replace: str, seed: int) -> Iterator[Row]:
    for order, number in drawn_orders(players, pairs, seed):
        for hidden in hidden_along(order):
            yield "coalition", replace if hidden else "", hidden, number


def _curve_rows(order: tuple[int, ...], seeds: int, replace: str) -> Iterator[Row]:
    along = [hidden for each in (order, order[::-1]) for hidden in hidden_along(each)]
    alone = [tuple(sorted(set(order) - {player})) for player in order]
    pairs = [tuple(sorted(pair)) for pair in combinations(order[:4], 2)]
    for number in range(seeds):
        for hidden in (*along, *alone, *pairs):
            yield "curve", replace if hidden else "", hidden, number


def _rollouts(rows: list[Row], players: int, outcome: Outcome) -> Rollouts:
    """The episodes, each once."""
    different = {(replacement, hidden, number): purpose for purpose, replacement, hidden, number in reversed(rows)}
    tasks = list(reversed(different))
    hidden = np.zeros((len(tasks), players), bool)
    for row, (_, positions, _) in enumerate(tasks):
        hidden[row, list(positions)] = True
    returns = [outcome(*task) for task in tasks]

    return Rollouts(
        replacement=object_column([replacement for replacement, _, _ in tasks]),
        hidden=hidden,
        number=np.array([number for _, _, number in tasks], np.int64),
        seed=np.array([10_000 + number for _, _, number in tasks], np.int64),
        total_reward=np.array([0.0 if isnan(value) else value for value in returns]),
        steps=np.full(len(tasks), 10, np.int64),
        ended=object_column(["fault" if isnan(value) else "terminated" for value in returns]),
        fault=object_column(["ValueError: no numbers" if isnan(value) else "" for value in returns]),
        purpose=object_column([different[task] for task in tasks]),
        part=np.full(len(tasks), nan),
    )
