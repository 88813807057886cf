"""Adds up numbers of steps by episode and by the action that was taken."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rltools.summary._actions import EVERY


class Totals:
    """Sums over the steps of each episode at which each action was taken.

    Steps arrive in any number of parts. A pair of an episode and an action has a sum only if there are such steps,
    because thousands of actions may never be taken.

    >>> import numpy as np
    >>> from rltools.summary._totals import Totals
    >>> totals = Totals()
    >>> totals.add(np.array([0, 0, 1]), np.array([2, 5, 5]), np.array([1.0, 10.0, 100.0]))
    >>> totals.add(np.array([1]), np.array([5]), np.array([1000.0]))
    >>> totals.actions
    [2, 5]
    >>> totals.array(2, [-1, 2, 5], ()).tolist()
    [[11.0, 1.0, 10.0], [1100.0, 0.0, 1100.0]]
    """

    def __init__(self) -> None:
        self._sums: dict[tuple[int, int], np.ndarray] = {}

    def add(self, episodes: np.ndarray, actions: np.ndarray, numbers: np.ndarray) -> None:
        """Add some steps.

        Args:
            episodes: int64 `[step]`, the position of the episode of each.
            actions: int64 `[step]`, the position of the action taken; `EVERY` if it is not one discrete choice.
            numbers: float64 `[step, *k]`.
        """
        if not len(numbers):
            return
        order = np.lexsort((actions, episodes))
        pairs = np.stack([episodes, actions], axis=1)[order]
        first = np.flatnonzero(np.concatenate([[True], (pairs[1:] != pairs[:-1]).any(axis=1)]))
        for (episode, action), part in zip(
            pairs[first].tolist(), np.add.reduceat(numbers[order], first, axis=0), strict=True
        ):
            before = self._sums.get((episode, action))
            self._sums[episode, action] = part if before is None else before + part

    @property
    def actions(self) -> list[int]:
        """The positions of the actions that were taken, in order."""
        return sorted({action for _, action in self._sums} - {EVERY})

    def array(self, episodes: int, categories: Sequence[int], shape: tuple[int, ...]) -> np.ndarray:
        """Float64 `[episode, category, *k]`.

        Args:
            episodes: how many there are.
            categories: actions, and `EVERY` for all steps of an episode; those without steps have zeros.
            shape: of `k`.
        """
        sums = np.zeros((episodes, len(categories), *shape))
        columns = {category: column for column, category in enumerate(categories)}
        for (episode, action), part in self._sums.items():
            for category in {EVERY, action} & columns.keys():
                sums[episode, columns[category]] += part
        return sums
