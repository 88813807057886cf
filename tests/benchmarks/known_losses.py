"""An environment and a policy whose losses are known: by enumeration of all that it can observe and all replacements."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import product
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
        self.pay, self.shown, self.step_number = 0.0, STATES[:0], 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Draw all observations of the episode, and what a step pays."""
        super().reset(seed=seed)
        self.pay = self.np_random.gamma(SHAPE, SCALE)
        self.shown = STATES[self.np_random.choice(len(STATES), size=STEPS + 1, p=probabilities())]
        self.step_number = 0
        return self.shown[0], {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Pay for the action, and show the next observation."""
        right = bool(action) == bool(correct_actions(self.shown[self.step_number]))
        self.step_number += 1
        return self.shown[self.step_number], self.pay if right else -self.pay, self.step_number == STEPS, False, {}


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


@cache
def outcome_shapley() -> np.ndarray:
    """The outcome Shapley value of each feature, float `[feature]`: sums over all orders come to the same."""
    from math import comb

    count, values = len(FEATURES), np.zeros(len(FEATURES))
    for player in range(count):
        others = [other for other in range(count) if other != player]
        for members in product((False, True), repeat=count - 1):
            seen = {other for other, member in zip(others, members, strict=True) if member}
            weight = 1 / (count * comb(count - 1, len(seen)))
            hidden = [feature for feature in range(count) if feature not in seen]
            without = [feature for feature in hidden if feature != player]
            values[player] += weight * (expected_return(without) - expected_return(hidden))
    return values


def draw_returns(rng: np.random.Generator, seeds: int, conditions: Sequence[Sequence[int]]) -> np.ndarray:
    """Returns as whole rollouts would give them, float `[condition, seed]`: seeds share observations and pay.

    A million times faster than stepping: the actions never change what is observed.
    """
    pay = rng.gamma(SHAPE, SCALE, seeds)
    shown = STATES[rng.choice(len(STATES), size=(seeds, STEPS), p=probabilities())]
    result = np.empty((len(conditions), seeds))
    for row, hidden in enumerate(conditions):
        seen = shown.copy()
        if len(hidden):
            donors = STATES[rng.choice(len(STATES), size=(seeds, STEPS), p=probabilities())]
            seen[..., list(hidden)] = donors[..., list(hidden)]
        right = actions(seen) == correct_actions(shown)
        result[row] = pay * (2 * right.sum(axis=1) - STEPS)
    return result
