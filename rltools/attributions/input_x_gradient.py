"""The gradient times the input."""

from torch import Tensor

from rltools.attributions._support.method import method
from rltools.attributions._support.result import Result
from rltools.attributions._support.units import Unit
from rltools.targets.function import TargetFunction


@method(
    unit=Unit.SCORE,
    needs={"gradient"},
    axioms={"linear", "dummy", "symmetric", "invariant"},
    cost=2,
)
def input_x_gradient(f: TargetFunction, x: Tensor) -> Result:
    """The gradient times each feature's value: a first-order share of the target value, compared with zero.

    In many environments zero is a meaningful value (a pole that stands upright), for which this says nothing: prefer
    integrated_gradients or shapley, which compare with visited states.

    Args:
        f: the target function, `[batch, ..., *feature] -> [batch, ..., target]`.
        x: float `[batch, *feature]`.

    Returns:
        values `[batch, target, *feature]`.

    Shrikumar, Greenside, Shcherbina, Kundaje: Not Just a Black Box (2016).

    Example:
        >>> import torch
        >>> from rltools.testing import PlainFunction
        >>> from rltools.attributions.input_x_gradient import input_x_gradient
        >>> f = PlainFunction(lambda x: (x**2).sum(1, keepdim=True), outputs=1)
        >>> x = torch.tensor([[1.0, -2.0]])
        >>> input_x_gradient(f, x).values.tolist()
        [[[2.0, 8.0]]]
    """
    return Result((f.gradients(x) * x).movedim(0, 1))
