"""A control: random importance."""

import torch
from torch import Tensor

from rltools.attributions._support.method import method
from rltools.attributions._support.result import Result
from rltools.attributions._support.units import Unit
from rltools.targets.function import TargetFunction


@method(unit=Unit.RANK, cost=0)
def random(f: TargetFunction, x: Tensor, *, seed: int = 0) -> Result:
    """Control: random numbers, one for each feature, the same at every state.

    They depend on neither the network nor the state, so a method that does no better than several seeds of this tells
    nothing. Only their order means anything.

    Args:
        f: the target function, for its number of targets; never evaluated.
        x: float `[batch, *feature]`.
        seed: of the draw, which all rows and targets share.

    Returns:
        values `[batch, target, *feature]`, standard normal.

    Example:
        >>> import torch
        >>> from rltools.testing import PlainFunction
        >>> from rltools.attributions.random import random
        >>> f = PlainFunction(lambda x: (x**2).sum(1, keepdim=True), outputs=1)
        >>> x = torch.tensor([[1.0, -2.0]])
        >>> random(f, x).values.shape
        torch.Size([1, 1, 2])
    """
    values = torch.randn(x.shape[1:], dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).to(x)
    return Result(values.expand(len(x), f.outputs, *values.shape).clone())
