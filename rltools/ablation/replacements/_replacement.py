"""The declaration of a replacement, and what it is computed from."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rltools._util.short_repr import short_repr
from rltools._util.text import first_line
from rltools.errors import ArgumentError

NEEDS = ("earlier", "hidden")


@dataclass(frozen=True)
class Visited:
    """The visited states that values are taken from.

    Attributes:
        states: float `[state, element]`, encoded, in the environment's units.
    """

    states: np.ndarray

    __repr__ = short_repr

    @cached_property
    def mean(self) -> np.ndarray:
        """The mean of each element, float `[element]`."""
        return np.asarray(self.states.mean(axis=0, dtype=np.float64).astype(self.states.dtype))

    @cached_property
    def scaled(self) -> np.ndarray:
        """The states in standard deviations of each element; an element that never varies is 0 everywhere."""
        return self.in_std(self.states)

    def in_std(self, x: np.ndarray) -> np.ndarray:
        """Observations `[row, element]` on the scale of `scaled`."""
        return np.asarray((x - self.mean) * self._scale)

    @cached_property
    def _scale(self) -> np.ndarray:
        """One by the standard deviation of each element, float64 `[element]`; 0 for one that never varies."""
        std = self.states.std(axis=0, dtype=np.float64)
        return np.asarray(np.divide(1, std, out=np.zeros_like(std), where=std > 0))


@dataclass(frozen=True)
class ReplacementInput:
    """What a replacement is computed from, in one step of episodes that run side by side.

    Attributes:
        x: float `[row, element]`, the encoded observations.
        visited: the visited states.
        draws: float64 `[row]`, uniform in `[0, 1)`: a new one at every step, that depends on the seed of the episode
            and the number of the step alone, so that conditions with the same seed draw alike.
        hidden: bool `[row, element]`, the elements that the policy does not see; None unless it is needed.
        earlier: float `[row, element]`, one of the earlier observations of each episode, of which each is as likely;
            the first observation itself in the first step. None unless it is needed.
    """

    x: np.ndarray
    visited: Visited
    draws: np.ndarray
    hidden: np.ndarray | None = None
    earlier: np.ndarray | None = None

    __repr__ = short_repr


ReplacementFunction = Callable[[ReplacementInput], np.ndarray]


@dataclass(frozen=True)
class Replacement:
    """A rule for the values that stand in the place of hidden ones.

    Attributes:
        name: of its file.
        phrase: how a sentence says it after "replaced by": `that of another visited state`.
        needs: "hidden" or "earlier", of `ReplacementInput`.
        mixes_choices: whether what it puts in the place of a one-hot choice may be none of its values.
        function: from the input to values `[row, element]` for all elements, of which those of hidden ones are used.
    """

    name: str
    phrase: str
    needs: frozenset[str]
    mixes_choices: bool
    function: ReplacementFunction

    @property
    def description(self) -> str:
        """The first line of its docstring."""
        return first_line(self.function)

    def __call__(self, rows: ReplacementInput) -> np.ndarray:
        """The values `[row, element]`."""
        return self.function(rows)


def replacement(
    phrase: str, *, needs: Collection[str] = (), mixes_choices: bool = False
) -> Callable[[ReplacementFunction], Replacement]:
    """Declare a function to be the replacement of its file.

    Args:
        phrase: how a sentence says it after "replaced by".
        needs: "hidden", "earlier" or both, if the function uses these of `ReplacementInput`.
        mixes_choices: whether what it puts in the place of a one-hot choice may be none of its values.

    Raises:
        ArgumentError: there is no phrase, or another need.

    Example:
        >>> from rltools.ablation.replacements import replacement
        >>> @replacement("the largest value of any visited state")
        ... def largest(rows):
        ...     "The largest value of each element."
        ...     return rows.visited.states.max(axis=0) + 0 * rows.x
        >>> largest.name, largest.description
        ('largest', 'The largest value of each element.')
    """
    if not phrase or (other := sorted(set(needs) - set(NEEDS))):
        problem = "has no phrase" if not phrase else f"needs {', '.join(other)}"
        raise ArgumentError(f"a replacement {problem}; it has a phrase, and may need {' and '.join(NEEDS)}")

    def declare(function: ReplacementFunction) -> Replacement:
        return Replacement(function.__name__, phrase, frozenset(needs), mixes_choices, function)

    return declare
