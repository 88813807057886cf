"""The gradient times the input."""

from torch import Tensor

from rltools.attributions._support.method import Result, TargetFunction, method


@method(
    unit="score",
    needs={"gradient"},
    axioms={"linear", "dummy", "symmetric", "invariant"},
    forwards=lambda features, references, settings: 2,
)
def input_x_gradient(score: TargetFunction, x: Tensor) -> Result:
    """The gradient times each feature's value: a first-order share of the score, compared with zero.

    Zero is a meaningful state in many environments (a pole that stands upright), where the value says nothing: prefer
    integrated_gradients or shapley, which compare with visited states.

    Args:
        score: `[batch, ..., *feature] -> [batch, ..., target]`.
        x: float `[batch, *feature]`.

    Returns:
        values `[batch, target, *feature]`.

    Shrikumar, Greenside, Shcherbina, Kundaje: Not Just a Black Box (2016).

    Example:
        >>> import torch
        >>> from rltools.testing import PlainFunction
        >>> from rltools.attributions.input_x_gradient import input_x_gradient
        >>> score = PlainFunction(lambda x: (x**2).sum(1, keepdim=True), outputs=1)
        >>> x = torch.tensor([[1.0, -2.0]])
        >>> input_x_gradient(score, x).values.tolist()
        [[[2.0, 8.0]]]
    """
    return Result((score.gradients(x) * x).movedim(0, 1))
