"""Calls a user's function for batches of observations, or for one observation at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rltools._util.text import one_line
from rltools.errors import MismatchError, RltoolsError
from rltools.spaces.leaves import Leaf, map_leaves, pick

Read = Callable[[Any, int], np.ndarray]
"""Maps what the function returned for so many rows to their scores `[row, k]`."""


@dataclass(frozen=True)
class Caller:
    """How a function is called.

    Attributes:
        function: from observations to what it returns.
        name: of the policy, for errors.
        leaves: the arrays of an observation, without texts.
        batch: exactly how many rows each call gets; None for all of them.
        batched: whether it takes a batch; if not, it is called for each row.
    """

    function: Callable[[Any], Any]
    name: str
    leaves: Sequence[Leaf]
    batch: int | None = None
    batched: bool = True

    @property
    def takes_all(self) -> bool:
        """Whether a call gets as many rows as there are."""
        return self.batched and self.batch is None

    def scores(self, x: np.ndarray, observations: Any, read: Read) -> np.ndarray:
        """The scores `[row, k]` of rows, of which there is at least one.

        Equal rows are asked once where each call has a fixed number of rows, so that a remote function is spared. A
        function that takes all rows gets them as they are: in another number their last digits could differ.

        Args:
            x: float64 `[row, *feature]`, by which rows are equal.
            observations: the same rows, as the function takes them.
            read: from what the function returned to scores.

        Raises:
            MismatchError: the function raised an error, or `read` did.
        """
        if self.takes_all:
            return read(self._called(observations), len(x))
        first, same = _distinct(x)
        size = self.batch or 1
        parts = []
        for start in range(0, len(first), size):
            rows = first[start : start + size]
            if self.batched:
                padded = np.concatenate([rows, np.repeat(rows[-1:], size - len(rows))])
                parts.append(read(self._called(self._picked(observations, padded)), size)[: len(rows)])
            else:
                output = self._called(self._picked(observations, int(rows[0])))
                parts.append(read(np.asarray(output)[None], 1))
        scores: np.ndarray = np.concatenate(parts)[same]
        return scores

    def _picked(self, observations: Any, rows: np.ndarray | int) -> Any:
        return map_leaves(lambda _, values: values[rows], observations, self.leaves)

    def _called(self, observations: Any) -> Any:
        try:
            return self.function(observations)
        except RltoolsError:
            raise
        except Exception as error:
            reason = one_line(error)[:300] or "without a message"
            arrays = [(leaf, np.asarray(pick(observations, leaf))) for leaf in self.leaves]
            taken = ", ".join(
                f"{leaf.name or 'observations'} {list(part.shape)} of {part.dtype}" for leaf, part in arrays
            )
            advice = "; if it takes one observation at a time, give batched=False" if self.batched else ""
            raise MismatchError(
                f"the function of {self.name} failed for {taken}: {type(error).__name__}: {reason}{advice}"
            ) from error


def _distinct(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first of equal rows, in order, and for each row the position of its first one among them."""
    positions: dict[bytes, int] = {}
    first: list[int] = []
    same: list[int] = []
    for row, values in enumerate(np.ascontiguousarray(x).reshape(len(x), -1)):
        position = positions.setdefault(values.tobytes(), len(first))
        if position == len(first):
            first.append(row)
        same.append(position)
    return np.array(first, np.int64), np.array(same, np.int64)
