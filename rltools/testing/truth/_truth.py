"""The true attributions of a known function, by enumeration of coalitions and from the formula of its gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import combinations
from math import factorial

import numpy as np
from gymnasium.spaces import Box

from rltools._util.short_repr import short_repr
from rltools.policies.torch_policy import TorchPolicy

Function = Callable[[np.ndarray], np.ndarray]
QUANTITIES = ("gradient", "integrated_gradients", "shapley", "occlusion", "decision_change")
"""The true values that a `Truth` has, by the names of its functions; a method of such a name must agree with it."""


@dataclass(frozen=True)
class Truth:
    """A policy, and the function that its target value is, from which true attributions follow.

    Everything is float64 NumPy; nothing calls torch or a method of rltools. Observations are `[row, feature]`,
    references `[reference, feature]` and true values `[row, feature]`, in units of the target value unless stated.

    Attributes:
        name: a word.
        description: the function, in a sentence.
        policy: computes the function in float64: the score of the second of two actions, the first of which has 0, or
            the value of a continuous action.
        target: the target whose value the function is.
        function: `[row, feature]` -> `[row]`.
        mean_gradient: the mean of its gradient on the straight line from one observation to another, in closed form:
            `[row, feature]` twice -> `[row, feature]`.
        draw: observations such as the agent would visit, from a generator and a number of rows.
        irrelevant: positions of features that the function ignores.
        alike: positions of features that are always equal and that the function uses alike.
        linear: whether the function is linear.

    Example:
        >>> from rltools.testing.truth import truths
        >>> truth = truths()["linear"]
        >>> x = truth.observations(1)
        >>> truth.gradient(x).tolist(), truth.irrelevant
        ([[2.0, -1.0, 0.5, 0.0]], (3,))
    """

    name: str
    description: str
    policy: TorchPolicy
    target: str
    function: Function
    mean_gradient: Callable[[np.ndarray, np.ndarray], np.ndarray] = field(repr=False)
    draw: Callable[[np.random.Generator, int], np.ndarray] = field(repr=False)
    irrelevant: tuple[int, ...] = ()
    alike: tuple[int, ...] = ()
    linear: bool = False

    __repr__ = short_repr

    def observations(self, count: int, seed: int = 0) -> np.ndarray:
        """Observations `[count, feature]` such as the agent would visit, drawn from the seed."""
        return self.draw(np.random.default_rng(seed), count)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """The gradient, per unit of each feature; where the function jumps or has a kink, that of one of its sides."""
        return self.mean_gradient(x, x)

    def integrated_gradients(self, x: np.ndarray, references: np.ndarray) -> np.ndarray:
        """Integrated gradients, the mean over the references; a jump of the function is in none of them.

        Sundararajan, Taly, Yan: Axiomatic Attribution for Deep Networks (2017).
        """
        paths = [(x - start) * self.mean_gradient(x, np.broadcast_to(start, x.shape)) for start in references]
        return np.asarray(np.mean(paths, axis=0))

    def shapley(self, x: np.ndarray, references: np.ndarray) -> np.ndarray:
        """Interventional Shapley values, the mean over the references, by their definition as a sum over coalitions.

        Lundberg, Lee: A Unified Approach to Interpreting Model Predictions (2017).
        """
        size = x.shape[1]
        values = np.zeros_like(x)
        for feature in range(size):
            others = [other for other in range(size) if other != feature]
            for members in range(size):
                weight = factorial(members) * factorial(size - members - 1) / factorial(size)
                for coalition in combinations(others, members):
                    added = self._mean_with(x, references, (*coalition, feature))
                    values[:, feature] += weight * (added - self._mean_with(x, references, coalition))
        return values

    def occlusion(self, x: np.ndarray, references: np.ndarray) -> np.ndarray:
        """What is lost when a feature alone takes its value of each reference, the mean over the references."""
        every = range(x.shape[1])
        without = [self._mean_with(x, references, [other for other in every if other != feature]) for feature in every]
        lost: np.ndarray = self.function(x)[:, None] - np.stack(without, axis=1)
        return lost

    def decision_change(self, x: np.ndarray, references: np.ndarray) -> np.ndarray:
        """How the decision changes when a feature alone takes its value of each reference.

        Returns:
            From 0 to 1: the share of references that make the other action the best, or the mean distance of a
            continuous action as a share of its range.
        """
        changes = np.zeros_like(x)
        for start in references:
            for feature in range(x.shape[1]):
                other = x.copy()
                other[:, feature] = start[feature]
                changes[:, feature] += np.abs(self._decision(other) - self._decision(x))
        mean: np.ndarray = changes / len(references)
        return mean

    def total(self, x: np.ndarray, references: np.ndarray) -> np.ndarray:
        """What the values of a complete method add up to, `[row]`: the target value minus the references' mean."""
        return np.asarray(self.function(x) - self.function(references).mean())

    def _mean_with(self, x: np.ndarray, references: np.ndarray, coalition: Iterable[int]) -> np.ndarray:
        """The mean target value, `[row]`, with the coalition's features from x and the others from each reference."""
        mixed = np.repeat(references[None], len(x), axis=0)
        for feature in coalition:
            mixed[:, :, feature] = x[:, feature, None]
        return np.asarray(self.function(mixed.reshape(-1, x.shape[1])).reshape(len(x), -1).mean(axis=1))

    def _decision(self, x: np.ndarray) -> np.ndarray:
        space, value = self.policy.action_space, self.function(x)
        if not isinstance(space, Box):
            return (value > 0).astype(float)
        low, high = float(space.low[0]), float(space.high[0])
        return np.clip(value, low, high) / (high - low)
