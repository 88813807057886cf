"""Wraps any function of rows as a target function, to try a method on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from rltools.targets import TargetFunction


class PlainFunction(TargetFunction):
    """A function `[batch, *feature] -> [batch, k]` as a target function, the same for all rows.

    Args:
        function: the function; if it is an nn.Module, it is also the `network`.
        outputs: k.
        dims: names of the axes of a row's features, for instance ("channel", "y", "x") of an image.
        chosen: int64 `[batch]`, the chosen actions, if the outputs are scores of actions.
        categorical: whether the outputs stand for decisions.
        most_copies: how many rows may go through the function together.
        leave_one_out: whether the values without each block of draws are wanted; see `rltools.attributions.Result`.

    Attributes:
        seen: how many rows, and copies of them, each call got.

    Example:
        >>> import torch
        >>> from rltools.attributions.gradient import gradient
        >>> from rltools.testing import PlainFunction
        >>> f = PlainFunction(lambda x: x @ torch.tensor([[1.0], [-2.0]]), outputs=1)
        >>> gradient(f, torch.zeros(1, 2)).values.tolist()
        [[[1.0, -2.0]]]
    """

    def __init__(
        self,
        function: Callable[[Tensor], Tensor],
        outputs: int,
        *,
        dims: Sequence[str] = ("feature",),
        chosen: Tensor | None = None,
        categorical: bool = False,
        most_copies: int = 1 << 15,
        leave_one_out: bool = True,
    ) -> None:
        self.function, self.outputs, self.dims = function, outputs, tuple(dims)
        self.feature_ndim = len(self.dims)
        self.categorical, self.most_copies, self.leave_one_out = categorical, most_copies, leave_one_out
        self.seen: list[tuple[int, ...]] = []
        self._chosen = chosen

    @property
    def network(self) -> nn.Module | None:
        """The function, if it is a module."""
        return self.function if isinstance(self.function, nn.Module) else None

    def __call__(self, x: Tensor) -> Tensor:
        """`[batch, ..., *feature]` -> `[batch, ..., k]`."""
        lead, feature = x.shape[: x.ndim - self.feature_ndim], x.shape[x.ndim - self.feature_ndim :]
        self.seen.append(tuple(lead))
        flat = self.function(x.reshape(-1, *feature))
        return flat.reshape(*lead, flat.shape[1])

    def actions(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The outputs as scores of actions, and the chosen actions; by default the best ones."""
        scores = self(x)
        return scores, scores.reshape(len(x), -1, self.outputs)[:, 0].argmax(
            1
        ) if self._chosen is None else self._chosen

    def rows(self, index: Tensor) -> PlainFunction:
        """The target function of some of the rows."""
        chosen = None if self._chosen is None else self._chosen[index]
        some = PlainFunction(
            self.function,
            self.outputs,
            dims=self.dims,
            chosen=chosen,
            categorical=self.categorical,
            most_copies=self.most_copies,
            leave_one_out=self.leave_one_out,
        )
        some.seen = self.seen
        return some
