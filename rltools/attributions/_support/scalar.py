"""An observation that is one number, as the vector of one entry that every method can take."""

from __future__ import annotations

from torch import Tensor, nn

from rltools.attributions._support.method import TargetFunction


class ScalarFunction:
    """The score of observations of shape (), of inputs `[batch, ..., 1]`; see `TargetFunction`."""

    feature_ndim = 1
    dims: tuple[str, ...] = ("feature",)

    def __init__(self, score: TargetFunction) -> None:
        self._score = score
        self.outputs, self.categorical, self.most_copies = score.outputs, score.categorical, score.most_copies
        self.leave_one_out = score.leave_one_out

    @property
    def network(self) -> nn.Module | None:
        """See `TargetFunction`."""
        return self._score.network

    def __call__(self, x: Tensor) -> Tensor:
        """`[batch, ..., 1]` -> `[batch, ..., target]`."""
        return self._score(x[..., 0])

    def gradients(self, x: Tensor) -> Tensor:
        """`[target, batch, ..., 1]`."""
        return self._score.gradients(x[..., 0])[..., None]

    def rows(self, index: Tensor) -> TargetFunction:
        """See `TargetFunction`."""
        return ScalarFunction(self._score.rows(index))

    def actions(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `TargetFunction`."""
        return self._score.actions(x[..., 0])
