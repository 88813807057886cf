"""A control: importance that knows nothing."""

import torch
from torch import Tensor

from rltools.attributions._support.method import Result, TargetFunction, method


@method(unit="rank", forwards=lambda features, references, settings: 0, control=True)
def random(score: TargetFunction, x: Tensor, *, seed: int = 0) -> Result:
    """Control: random numbers, one for each feature, the same at every state.

    They know neither the network nor the state, so a method that does no better than several seeds of this says
    nothing. Only their order means anything.

    Args:
        score: says how many targets there are; never called.
        x: float `[batch, *feature]`.
        seed: of the draw, which all rows and targets share.

    Returns:
        values `[batch, target, *feature]`, standard normal.

    Example:
        >>> import torch
        >>> from rltools.testing import PlainFunction
        >>> from rltools.attributions.random import random
        >>> score = PlainFunction(lambda x: (x**2).sum(1, keepdim=True), outputs=1)
        >>> x = torch.tensor([[1.0, -2.0]])
        >>> random(score, x).values.shape
        torch.Size([1, 1, 2])
    """
    drawn = torch.randn(x.shape[1:], dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).to(x)
    return Result(drawn.expand(len(x), score.outputs, *drawn.shape).clone())
