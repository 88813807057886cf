"""Target functions of observations that are a single number, for methods, which take vectors."""

from __future__ import annotations

from torch import Tensor, nn

from rltools.targets.function import TargetFunction


class ScalarFunction(TargetFunction):
    """A target function of scalar inputs, wrapped to take vectors of one element, `[batch, ..., 1]`."""

    def __init__(self, f: TargetFunction) -> None:
        self._f = f
        self.feature_ndim, self.dims = 1, ("feature",)
        self.outputs, self.categorical, self.most_copies = f.outputs, f.categorical, f.most_copies
        self.leave_one_out = f.leave_one_out

    @property
    def network(self) -> nn.Module | None:
        """See `TargetFunction`."""
        return self._f.network

    def __call__(self, x: Tensor) -> Tensor:
        """`[batch, ..., 1]` -> `[batch, ..., target]`."""
        return self._f(x[..., 0])

    def gradients(self, x: Tensor) -> Tensor:
        """`[target, batch, ..., 1]`."""
        return self._f.gradients(x[..., 0])[..., None]

    def rows(self, index: Tensor) -> TargetFunction:
        """See `TargetFunction`."""
        return ScalarFunction(self._f.rows(index))

    def actions(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `TargetFunction`."""
        return self._f.actions(x[..., 0])
