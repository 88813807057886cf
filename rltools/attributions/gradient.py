"""The gradient of the target function."""

from torch import Tensor

from rltools.attributions._support.method import method
from rltools.attributions._support.result import Result
from rltools.attributions._support.units import Unit
from rltools.targets.function import TargetFunction


@method(
    unit=Unit.SCORE_PER_UNIT,
    needs={"gradient"},
    axioms={"linear", "dummy", "symmetric", "invariant"},
    cost=2,
)
def gradient(f: TargetFunction, x: Tensor) -> Result:
    """How fast the target value rises with each feature, at this very state.

    Signed. Values are per unit of the feature, so features in different units do not compare; a summary multiplies them
    by each feature's standard deviation.

    Args:
        f: the target function, `[batch, ..., *feature] -> [batch, ..., target]`.
        x: float `[batch, *feature]`.

    Returns:
        values `[batch, target, *feature]`.

    Simonyan, Vedaldi, Zisserman: Deep Inside Convolutional Networks (2013), without the absolute value.

    Example:
        >>> import torch
        >>> from rltools.testing import PlainFunction
        >>> from rltools.attributions.gradient import gradient
        >>> f = PlainFunction(lambda x: (x**2).sum(1, keepdim=True), outputs=1)
        >>> x = torch.tensor([[1.0, -2.0]])
        >>> gradient(f, x).values.tolist()
        [[[2.0, -4.0]]]
    """
    return Result(f.gradients(x).movedim(0, 1))
