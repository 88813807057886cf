"""A score that says how much work it has done, so that a bar moves while a method is busy with a single step."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from torch import Tensor, nn

from rltools.attributions import Method, TargetFunction

LOOKING_INSIDE = frozenset({"network", "convolution"})
"""What methods need that hook the network, and call it a few times only: they are given the score itself."""


class Counted:
    """A score as a method takes it; `count` is told how many rows went through the network after each call.

    A gradient counts as two passes, one forward and one back, as methods declare it.
    """

    def __init__(self, score: TargetFunction, count: Callable[[int], None]) -> None:
        self._score, self._count = score, count
        self.feature_ndim, self.dims, self.outputs = score.feature_ndim, score.dims, score.outputs
        self.categorical, self.most_copies = score.categorical, score.most_copies
        self.leave_one_out = score.leave_one_out

    @property
    def network(self) -> nn.Module | None:
        """See `TargetFunction`."""
        return self._score.network

    def __call__(self, x: Tensor) -> Tensor:
        """See `TargetFunction`."""
        scalars = self._score(x)
        self._count(self._rows(x))
        return scalars

    def gradients(self, x: Tensor) -> Tensor:
        """See `TargetFunction`."""
        gradients = self._score.gradients(x)
        self._count(2 * self._rows(x))
        return gradients

    def rows(self, index: Tensor) -> Counted:
        """See `TargetFunction`."""
        return Counted(self._score.rows(index), self._count)

    def actions(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `TargetFunction`."""
        actions = self._score.actions(x)
        self._count(self._rows(x))
        return actions

    def _rows(self, x: Tensor) -> int:
        return prod(x.shape[: x.ndim - self.feature_ndim])


class Portion:
    """Some rows that a method works on: how many of them are still to be done."""

    def __init__(self, rows: int, advance: Callable[[float], None]) -> None:
        self.rows, self._left, self._advance = rows, float(rows), advance

    def done(self, rows: float) -> None:
        """Count this many more rows as done."""
        rows = min(rows, self._left)
        self._left -= rows
        self._advance(rows)

    def finish(self) -> None:
        """Count all of the work as done."""
        self.done(self._left)

    def give_up(self) -> None:
        """Count the work done so far as still to do."""
        self._advance(self._left - self.rows)


def counted(method: Method, score: TargetFunction, passes: int, portion: Portion) -> TargetFunction:
    """The score of some rows as a method is given it, which notes what is done.

    Args:
        method: that asks the score.
        score: of the rows.
        passes: that the method declares for a row.
        portion: the rows.
    """
    if method.needs & LOOKING_INSIDE or passes == 0:
        return score
    return Counted(score, lambda passed: portion.done(passed / passes))
