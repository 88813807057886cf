"""Compute published Shapley values of two gridworlds again: `python experiments/sverl-gridworld/recipe.py`, a minute.

Beechey, Smith, Simsek: Explaining Reinforcement Learning with Shapley Values (ICML 2023). README.md says what is
compared; the results are in values.csv.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from torch import Tensor

import rltools
from rltools.stats import Interval

Cell = tuple[int, int]
"""x from the left and y from below."""
Coalition = tuple[int, ...]
"""The positions of the features that the agent sees, of x (0) and y (1)."""

MOVES = {"up": (0, 1), "right": (1, 0), "down": (0, -1), "left": (-1, 0)}
STARTS: tuple[Cell, ...] = ((0, 0), (1, 0))
COALITIONS: tuple[Coalition, ...] = ((), (0,), (1,), (0, 1))
FEATURES = ("x", "y")
HIDDEN = -1
"""What stands for a coordinate that the agent does not see, where it knows that it does not see it."""
EPISODES, SEEDS, LIMIT = 600, 400, 1_000


@dataclass(frozen=True)
class World:
    """A grid two cells wide and four high; a step costs 1, and a goal pays 10. Episodes start in the lowest row."""

    walls: frozenset[Cell]
    goals: frozenset[Cell]

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Where the agent can be and has to act."""
        return tuple(cell for cell in product(range(2), range(4)) if cell not in self.walls | self.goals)

    def step(self, cell: Cell, action: int) -> tuple[Cell, float]:
        """The next cell, which is the same in front of a wall, and the reward."""
        across_, up = list(MOVES.values())[action]
        reached = (cell[0] + across_, cell[1] + up)
        if not (0 <= reached[0] < 2 and 0 <= reached[1] < 4) or reached in self.walls:
            reached = cell
        return reached, 9.0 if reached in self.goals else -1.0


WORLDS = {
    "B": World(frozenset({(0, 1)}), frozenset({(0, 3), (1, 3)})),
    "C": World(frozenset({(0, 1), (1, 3)}), frozenset({(0, 3)})),
}

# Of x and of y, by cell, as the authors' repository has them (SVERL_icml_2023, files global, policy and value_function
# of gwb and gwc), to three decimals; their values of the policy are those of the action it takes. They sample: outcomes
# by a million episodes of each coalition.
PUBLISHED: dict[tuple[str, str], dict[Cell, tuple[float, float]]] = {
    ("B", "outcome"): {(0, 0): (4.508, 2.002), (1, 0): (0.499, 0.0), (1, 1): (0.166, 0.166), (1, 2): (0.083, 0.083)},
    ("B", "behavior"): {
        (0, 0): (0.762, 0.095),
        (1, 0): (0.238, -0.095),
        (1, 1): (0.071, 0.071),
        (1, 2): (0.071, 0.071),
    },
    ("B", "prediction"): {
        (0, 0): (-1.191, -0.524),
        (1, 0): (0.309, -1.024),
        (1, 1): (0.143, 0.143),
        (1, 2): (0.143, 1.143),
    },
    ("C", "outcome"): {
        (0, 0): (6.370, 10.375),
        (1, 0): (2.374, 6.375),
        (1, 1): (1.377, 3.882),
        (1, 2): (1.375, 3.380),
        (0, 2): (0.122, 1.129),
    },
    ("C", "behavior"): {
        (0, 0): (0.444, 0.444),
        (1, 0): (0.167, 0.167),
        (1, 1): (0.0, 0.333),
        (1, 2): (0.306, 0.472),
        (0, 2): (0.250, 0.083),
    },
    ("C", "prediction"): {
        (0, 0): (-0.111, -2.111),
        (1, 0): (0.056, -1.278),
        (1, 1): (-0.111, -0.111),
        (1, 2): (-0.361, 1.139),
        (0, 2): (0.472, 1.306),
    },
}


# What is true, by enumeration.


@dataclass(frozen=True)
class Solution:
    """A world with its best policy.

    Attributes:
        world: the world.
        actions: the only best action in each cell.
        values: the return from each cell on.
        visits: how often each cell is visited, a share of all steps.
    """

    world: World
    actions: dict[Cell, int]
    values: dict[Cell, float]
    visits: dict[Cell, float]


def solve(world: World) -> Solution:
    """The best policy by value iteration, and how often it visits each cell."""
    values = dict.fromkeys((*world.cells, *world.goals), 0.0)
    actions: dict[Cell, int] = {}
    for _ in range(20):
        for cell in world.cells:
            outcomes = [reward + values[reached] for reached, reward in (world.step(cell, a) for a in range(4))]
            actions[cell] = int(np.argmax(outcomes))
            values[cell] = max(outcomes)
    visits = dict.fromkeys(world.cells, 0.0)
    for start in STARTS:
        cell = start
        while cell not in world.goals:
            visits[cell] += 1
            cell, _ = world.step(cell, actions[cell])
    steps = sum(visits.values())
    return Solution(world, actions, values, {cell: count / steps for cell, count in visits.items()})


def conditional(solution: Solution, numbers: dict[Cell, np.ndarray], cell: Cell, visible: Coalition) -> np.ndarray:
    """The mean of `numbers` over the visits of all cells that look the same; this is SVERL's definition.

    Cells that are never visited count equally, if only such cells look the same.
    """
    alike = [other for other in solution.visits if all(other[feature] == cell[feature] for feature in visible)]
    weights = np.array([solution.visits[other] for other in alike]) + 1e-12
    result: np.ndarray = weights @ np.array([numbers[other] for other in alike]) / weights.sum()
    return result


def resampled(solution: Solution, numbers: dict[Cell, np.ndarray], cell: Cell, visible: Coalition) -> np.ndarray:
    """The mean of `numbers` over all visits, after the visible features are set to those of the cell.

    Nothing keeps the result where the agent can be: the policy is asked what it does inside a wall.
    """
    total = np.zeros_like(numbers[cell])
    for other, share in solution.visits.items():
        x, y = (cell[feature] if feature in visible else other[feature] for feature in (0, 1))
        total += share * numbers[x, y]
    return total


Replacement = Callable[[Solution, dict[Cell, np.ndarray], Cell, Coalition], np.ndarray]


def answers(solution: Solution) -> tuple[dict[Cell, np.ndarray], dict[Cell, np.ndarray]]:
    """The action (one-hot) and the value in each cell: up, and 0, where the agent never acts."""
    everywhere = tuple(product(range(2), range(4)))
    actions = {cell: np.eye(len(MOVES))[solution.actions.get(cell, 0)] for cell in everywhere}
    return actions, {cell: np.array([solution.values.get(cell, 0.0)]) for cell in everywhere}


def chances(solution: Solution, replacement: Replacement, visible: Coalition) -> dict[Cell, np.ndarray]:
    """The probability of each action in each cell if only these features are visible."""
    return {cell: replacement(solution, answers(solution)[0], cell, visible) for cell in solution.world.cells}


def outcomes(solution: Solution, replacement: Replacement, visible: Coalition) -> dict[Cell, float]:
    """The return from each cell on, if only these features are visible at every step: linear equations."""
    cells, world = solution.world.cells, solution.world
    stays, rewards = np.zeros((len(cells), len(cells))), np.zeros(len(cells))
    for cell, probabilities in chances(solution, replacement, visible).items():
        row = cells.index(cell)
        for action, probability in enumerate(probabilities):
            reached, reward = world.step(cell, action)
            rewards[row] += probability * reward
            if reached not in world.goals:
                stays[row, cells.index(reached)] += probability
    return dict(zip(cells, np.linalg.solve(np.eye(len(cells)) - stays, rewards).tolist(), strict=True))


def shapley(value: Callable[[Coalition], float]) -> tuple[float, float]:
    """The Shapley values of x and y: each is the mean of what it adds alone and what it adds to the other."""
    none, x, y, both = (value(coalition) for coalition in COALITIONS)
    return (x - none + both - y) / 2, (y - none + both - x) / 2


def enumerated(solution: Solution, kind: str, replacement: Replacement, cell: Cell) -> tuple[float, float]:
    """The Shapley values of an outcome, of the probability of the action taken, or of the value predicted."""
    if kind == "outcome":
        return shapley(lambda visible: outcomes(solution, replacement, visible)[cell])
    if kind == "behavior":
        action = solution.actions[cell]
        return shapley(lambda visible: float(chances(solution, replacement, visible)[cell][action]))
    return shapley(lambda visible: float(replacement(solution, answers(solution)[1], cell, visible)[0]))


# The same by rltools.


class Grid(gymnasium.Env[np.ndarray, int]):
    """A world as an environment, which observes x and y; an episode begins in one of some cells."""

    def __init__(self, world: World, starts: tuple[Cell, ...] = STARTS) -> None:
        self.world, self.starts, self.cell = world, starts, starts[0]
        self.observation_space, self.action_space = Box(-1, 3, (2,), np.float32), Discrete(4)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin in one of the cells, drawn by the seed."""
        super().reset(seed=seed)
        self.cell = self.starts[int(self.np_random.integers(len(self.starts)))]
        return np.array(self.cell, np.float32), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Move, or stay in front of a wall."""
        self.cell, reward = self.world.step(self.cell, int(action))
        return np.array(self.cell, np.float32), reward, self.cell in self.world.goals, False, {}


def table(numbers: Callable[[Cell], Iterable[float]]) -> Callable[[Tensor], Tensor]:
    """A function of `[..., 2]`, coordinates from -1 to 3, that looks numbers up."""
    rows = torch.tensor([[list(numbers((x, y))) for y in range(-1, 4)] for x in range(-1, 4)], dtype=torch.float64)
    return lambda x: rows[x[..., 0].long() + 1, x[..., 1].long() + 1]


def policy_of(solution: Solution) -> rltools.TorchPolicy:
    """The best policy as a table; the values it predicts are the true ones."""
    actions, values = answers(solution)
    return _policy(lambda cell: 50 * actions.get(cell, np.zeros(4)), lambda cell: values.get(cell, np.zeros(1)))


def policy_that_knows(solution: Solution) -> rltools.TorchPolicy:
    """The same with an answer to a hidden coordinate, which is -1: the mean over all visits that look the same."""

    def seen(numbers: dict[Cell, np.ndarray], cell: Cell) -> np.ndarray:
        visible = tuple(feature for feature in (0, 1) if cell[feature] != HIDDEN)
        exists = any(all(other[feature] == cell[feature] for feature in visible) for other in solution.visits)
        return conditional(solution, numbers, cell, visible) if exists else np.ones_like(numbers[0, 0])

    actions, values = answers(solution)
    return _policy(lambda cell: np.log(seen(actions, cell) + 1e-12), lambda cell: seen(values, cell))


def _policy(logits: Callable[[Cell], Iterable[float]], values: Callable[[Cell], Iterable[float]]) -> Any:
    return rltools.TorchPolicy(
        table(logits),
        Box(-1, 3, (2,), np.float32),
        Discrete(4),
        {"logit": table(logits), "value": table(values)},
        name="gridworld",
        action_names=tuple(MOVES),
        features=rltools.Features((2,), given_names=FEATURES),
        dtype=torch.float64,
    )


def attributed(solution: Solution, kind: str, replacement: Replacement) -> dict[Cell, np.ndarray]:
    """The Shapley values of `rltools.attribute` in each cell."""
    cells = solution.world.cells
    target = "value" if kind == "prediction" else "probability:chosen"
    if replacement is conditional:
        policy, references = policy_that_knows(solution), [(HIDDEN, HIDDEN)]
    else:  # each cell as often as it is visited
        fewest = min(share for share in solution.visits.values() if share)
        policy = policy_of(solution)
        references = [cell for cell, share in solution.visits.items() for _ in range(round(share / fewest))]
    result = rltools.attribute(
        policy,
        np.array(cells, np.float32),
        method="shapley",
        target=target,
        references=np.array(references, np.float32),
    )
    return dict(zip(cells, np.asarray(result.values)[:, 0], strict=True))


def measured(solution: Solution, replacement: Replacement, seeds: int = SEEDS) -> dict[Cell, Interval]:
    """The outcome Shapley values of `rltools.ablate` from each cell that is visited, `[feature]`, with intervals.

    Whole episodes begin in the cell; the visited states are those of episodes that begin in the lowest row.
    """
    policy, name = policy_of(solution), "nearest" if replacement is conditional else "resample"
    recording = rltools.record(policy, partial(Grid, solution.world), episodes=EPISODES)
    results = {}
    for number, cell in enumerate(cell for cell in solution.world.cells if solution.visits[cell]):
        ablation = rltools.ablate(
            policy,
            recording,
            partial(Grid, solution.world, (cell,)),
            replace=name,
            second=None,
            seeds=seeds,
            most=seeds,
            coalitions=True,
            max_steps=LIMIT,
            seed=number,  # another folder for each cell
        )
        values = ablation.shapley()
        assert values is not None
        results[cell] = values.interval
    return results


def rows(seeds: int = SEEDS) -> Iterator[dict[str, Any]]:
    """The table of results: a row for each number that was published."""
    for (name, kind), published in PUBLISHED.items():
        solution = solve(WORLDS[name])
        of_cells = {
            replacement: measured(solution, replacement, seeds)
            if kind == "outcome"
            else attributed(solution, kind, replacement)
            for replacement in (conditional, resampled)
        }
        for cell, pair in published.items():
            for feature, number in enumerate(pair):
                row = {"world": name, "of": kind, "x": cell[0], "y": cell[1], "feature": FEATURES[feature]}
                row["published"] = number
                for replacement, by_cell in of_cells.items():
                    prefix = "" if replacement is conditional else "resampled "
                    row[f"{prefix}exact"] = enumerated(solution, kind, replacement, cell)[feature]
                    result = by_cell[cell]
                    if isinstance(result, Interval):
                        ends = (result.value, result.low, result.high)
                        row |= {
                            f"{prefix}{column}": float(end[feature])
                            for column, end in zip(("rltools", "low", "high"), ends, strict=True)
                        }
                    else:
                        row |= {f"{prefix}rltools": float(result[feature]), f"{prefix}low": "", f"{prefix}high": ""}
                yield row


def main() -> None:
    """Write `values.csv` beside this file."""
    table = list(rows())
    with (Path(__file__).parent / "values.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
        writer.writeheader()
        for row in table:
            writer.writerow(
                {
                    name: f"{round(value, 4) + 0.0:.4f}" if isinstance(value, float) else value
                    for name, value in row.items()
                }
            )


if __name__ == "__main__":
    main()
