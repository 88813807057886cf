"""Last layers that return a mean and, beside it, what the standard deviation is made of."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

LOG_STD_MIN, LOG_STD_MAX = -20.0, 2.0
"""The bounds that the libraries of SAC took over from its authors' code."""


def halved(linear: nn.Linear) -> tuple[nn.Linear, nn.Linear]:
    """A linear layer as two: one of the first half of its outputs and one of the second.

    Example:
        >>> import torch
        >>> from rltools.policies.saved.halves import halved
        >>> halved(torch.nn.Linear(8, 4))
        (Linear(in_features=8, out_features=2, bias=True), Linear(in_features=8, out_features=2, bias=True))
    """
    halves = []
    for part in range(2):
        half = nn.Linear(
            linear.in_features, linear.out_features // 2, linear.bias is not None, dtype=linear.weight.dtype
        )
        for name, parameter in half.named_parameters():
            parameter.data.copy_(getattr(linear, name).detach().chunk(2)[part])
        halves.append(half)
    return halves[0], halves[1]


class PositiveStd(nn.Module):
    """A std that a function makes of a linear layer's outputs, within bounds.

    Args:
        before: from the input to what the linear layer takes.
        linear: of the std, a linear layer.
        positive: from its outputs to a std.
        low: the lowest std.
        high: the highest one.
    """

    def __init__(
        self,
        before: Callable[[Tensor], Tensor],
        linear: nn.Module,
        *,
        positive: Callable[[Tensor], Tensor] = torch.exp,
        low: float = 0.0,
        high: float = float("inf"),
    ) -> None:
        super().__init__()
        self.linear: nn.Module = linear
        self.positive: Callable[[Tensor], Tensor] = positive
        self.low: float = low
        self.high: float = high
        self._before = before

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, ...]` -> `[batch, dimension]`."""
        return self.positive(self.linear(self._before(x))).clamp(self.low, self.high)


def std_of_log(log_std: Tensor) -> Tensor:
    """The std of a log std, which is first bounded as SAC's is.

    Example:
        >>> import torch
        >>> from rltools.policies.saved.halves import std_of_log
        >>> std_of_log(torch.tensor([0.0, 9.0]))
        tensor([1.0000, 7.3891])
    """
    return log_std.clamp(LOG_STD_MIN, LOG_STD_MAX).exp()
