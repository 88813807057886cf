"""Worlds whose losses are known; of one, an environment and a policy, by enumeration of all observations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import permutations, product
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete

import rltools

FEATURES = ("gate", "left", "right", "bait", "idle")
GATE, LEFT, RIGHT, BAIT, IDLE = range(5)
STEPS, SHAPE, SCALE = 8, 2.0, 5.0
"""Steps of an episode; shape and scale of the gamma distribution of what a step pays in an episode."""
STATES = np.array(list(product((-1.0, 1.0), repeat=len(FEATURES))), np.float32)
"""Every observation, float32 `[32, feature]`."""


def probabilities() -> np.ndarray:
    """The probability of each of `STATES`: the gate is 1 in 70 %, the bait is the gate in 75 %, others are even."""
    gate = np.where(STATES[:, GATE] > 0, 0.7, 0.3)
    bait = np.where(STATES[:, BAIT] == STATES[:, GATE], 0.75, 0.25)
    result: np.ndarray = gate * bait / 8
    return result


def correct_actions(states: np.ndarray) -> np.ndarray:
    """The action that pays in states `[..., feature]`: what is left if the gate is 1, else what is right."""
    action: np.ndarray = np.where(states[..., GATE] > 0, states[..., LEFT], states[..., RIGHT]) > 0
    return action


def actions(states: np.ndarray) -> np.ndarray:
    """What the policy does: the same, but the opposite if bait and gate are 1 and left and right are equal.

    So it does better without the bait, which it mistakes for a sign that the gate is closed.
    """
    misled = (states[..., BAIT] > 0) & (states[..., GATE] > 0) & (states[..., LEFT] == states[..., RIGHT])
    action: np.ndarray = correct_actions(states) ^ misled
    return action


class Switches(gymnasium.Env[np.ndarray, int]):
    """Eight independent observations an episode; a correct action pays what a step pays, another one costs as much."""

    def __init__(self) -> None:
        self.observation_space, self.action_space = Box(-1, 1, (len(FEATURES),), np.float32), Discrete(2)
        self.pay, self.observed, self.step_number = 0.0, STATES[:0], 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Draw all observations of the episode, and what a step pays."""
        super().reset(seed=seed)
        self.pay = self.np_random.gamma(SHAPE, SCALE)
        self.observed = STATES[self.np_random.choice(len(STATES), size=STEPS + 1, p=probabilities())]
        self.step_number = 0
        return self.observed[0], {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Pay for the action, and show the next observation."""
        right = bool(action) == bool(correct_actions(self.observed[self.step_number]))
        self.step_number += 1
        return self.observed[self.step_number], self.pay if right else -self.pay, self.step_number == STEPS, False, {}


def policy() -> rltools.TorchPolicy:
    """The policy as a function of tensors."""
    import torch

    def logits(x: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(np.eye(2, dtype=np.float32)[actions(x.numpy(force=True)).astype(int)])

    space = Box(-1, 1, (len(FEATURES),), np.float32)
    features = rltools.Features((len(FEATURES),), given_names=FEATURES)
    return rltools.TorchPolicy(logits, space, Discrete(2), name="switches", features=features)


def expected_return(hidden: Sequence[int], visited: np.ndarray | None = None) -> float:
    """The mean return if these features are resampled, by enumeration of all states and all visited ones.

    Args:
        hidden: positions of the hidden features.
        visited: the probability of each of `STATES` to be drawn as a visited state; None if as often as it occurs.
    """
    states, donors = np.broadcast_arrays(STATES[:, None], STATES[None])
    seen = states.copy()
    seen[..., list(hidden)] = donors[..., list(hidden)]
    right = actions(seen) == correct_actions(states)
    share = probabilities() @ right @ (probabilities() if visited is None else visited)
    return float(SHAPE * SCALE * STEPS * (2 * share - 1))


Draw = Callable[[Sequence[int]], np.ndarray]
"""From the hidden players to the returns of all seeds, float `[seed]`: drawn anew at each call."""


@dataclass(frozen=True)
class World:
    """Returns with a known mean for every set of hidden players.

    Attributes:
        name: of the world.
        players: their names.
        expected: from the hidden players to the mean return.
        begin: from a generator and a number of seeds to what draws their returns; seeds have things in common.
    """

    name: str
    players: tuple[str, ...]
    expected: Callable[[Sequence[int]], float]
    begin: Callable[[np.random.Generator, int], Draw]

    @cached_property
    def losses(self) -> np.ndarray:
        """The loss of each player alone, float `[player]`."""
        return true_losses(self.expected, len(self.players))

    @cached_property
    def shapley(self) -> np.ndarray:
        """The outcome Shapley value of each player, float `[player]`."""
        return true_shapley(self.expected, len(self.players))


def true_losses(expected: Callable[[Sequence[int]], float], players: int) -> np.ndarray:
    """The loss of each player alone, float `[player]`, from the mean return without some players."""
    return np.array([expected(()) - expected((player,)) for player in range(players)])


def true_shapley(expected: Callable[[Sequence[int]], float], players: int) -> np.ndarray:
    """The outcome Shapley value of each player, float `[player]`: the mean over all orders in which they are hidden."""
    mean_return = cache(lambda hidden: expected(tuple(sorted(hidden))))
    orders, values = list(permutations(range(players))), np.zeros(players)
    for order in orders:
        for position, player in enumerate(order):
            values[player] += mean_return(frozenset(order[:position])) - mean_return(frozenset(order[: position + 1]))
    return values / len(orders)


def _begin_switches(rng: np.random.Generator, seeds: int) -> Draw:
    """Returns as rollouts in `Switches` give them: seeds share observations and pay, since actions change neither."""
    pay = rng.gamma(SHAPE, SCALE, seeds)
    observed = STATES[rng.choice(len(STATES), size=(seeds, STEPS), p=probabilities())]

    def draw(hidden: Sequence[int]) -> np.ndarray:
        seen = observed.copy()
        if len(hidden):
            donors = STATES[rng.choice(len(STATES), size=(seeds, STEPS), p=probabilities())]
            seen[..., list(hidden)] = donors[..., list(hidden)]
        right = actions(seen) == correct_actions(observed)
        returns: np.ndarray = pay * (2 * right.sum(axis=1) - STEPS)
        return returns

    return draw


SURVIVED = np.array([0.4, 0.8, 0.95, 1.0])
"""How likely an episode still lands without each player."""
LANDED, CRASHED, NOISE = 250.0, -100.0, 20.0


def _crash_returns(hidden: Sequence[int]) -> float:
    landing = 0.98 * SURVIVED[list(hidden)].prod()
    return float(landing * LANDED + (1 - landing) * CRASHED)


def _begin_crashes(rng: np.random.Generator, seeds: int) -> Draw:
    def draw(hidden: Sequence[int]) -> np.ndarray:
        lands = rng.random(seeds) < 0.98 * SURVIVED[list(hidden)].prod()
        return np.where(lands, LANDED, CRASHED) + rng.normal(0, NOISE, seeds)

    return draw


LIMIT, BALANCED = 500.0, np.array([30.0, 100.0, 2_000.0, np.inf])
"""The most steps of an episode, and how long the pole stays up on average without each player."""


def _rate(hidden: Sequence[int]) -> float:
    return float((1 / BALANCED[list(hidden)]).sum())


def _capped_return(hidden: Sequence[int]) -> float:
    rate = _rate(hidden)
    return float((1 - np.exp(-LIMIT * rate)) / rate) if rate else LIMIT


def _begin_capped(rng: np.random.Generator, seeds: int) -> Draw:
    def draw(hidden: Sequence[int]) -> np.ndarray:
        rate = _rate(hidden)
        return np.minimum(rng.exponential(1 / rate, seeds), LIMIT) if rate else np.full(seeds, LIMIT)

    return draw


FOUR = ("first", "second", "third", "idle")
WORLDS = (
    World("skewed pay, shared by seed", FEATURES, expected_return, _begin_switches),
    World("rare crashes", FOUR, _crash_returns, _begin_crashes),
    World("at a limit of steps", FOUR, _capped_return, _begin_capped),
)
