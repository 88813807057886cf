"""What a method returns, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

from rltools._util.short_repr import short_repr

Settings = Mapping[str, Any]


class Cost(NamedTuple):
    """The cost of a method for each row.

    Attributes:
        passes: through the network; a gradient is two.
        copies: how many copies of the row it works on together, so that it is given fewer rows together; 0 for as many
            as passes.

    Example:
        >>> from rltools.attributions import Cost, find_method
        >>> find_method("gradient").cost_of_row((4,), ("feature",), 0, {})
        Cost(passes=2, copies=2)
    """

    passes: int
    copies: int = 0


CostFunction = Callable[[int, int, Settings], int | Cost]
"""Maps the number of parts of a row, the number of references and the parameters to passes, or to `Cost`."""


@dataclass(frozen=True)
class Result:
    """The values that a method returns, and their accuracy.

    Attributes:
        values: `[batch, target, *feature]`, signed.
        residual: `[batch, target]`, the part of the target value's difference that the values leave unexplained.
        standard_error: `[batch, target, *feature]`, for values that were sampled.
        complete: bool `[batch]`, whether the values are as exact as the method promises.
        without: `[block, batch, target, *feature]`, the values without each block of draws that all rows share, such as
            references: at least two blocks, from which summaries estimate how far another draw would move the values.
            None if nothing was drawn, or if the function's `leave_one_out` is False.

    Example:
        >>> import torch
        >>> from rltools.attributions import Result
        >>> Result(torch.zeros(2, 1, 4), residual=torch.zeros(2, 1))
        Result(values=float32[2, 1, 4], residual=float32[2, 1])
    """

    values: Tensor
    residual: Tensor | None = None
    standard_error: Tensor | None = None
    complete: Tensor | None = None
    without: Tensor | None = None

    __repr__ = short_repr
