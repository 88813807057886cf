"""The gradient of the score."""

from torch import Tensor

from rltools.attributions._support.method import Result, TargetFunction, method


@method(
    unit="score per unit",
    needs={"gradient"},
    axioms={"linear", "dummy", "symmetric", "invariant"},
    forwards=lambda features, references, settings: 2,
)
def gradient(score: TargetFunction, x: Tensor) -> Result:
    """How fast the score rises with each feature, at this very state.

    Signed. Values are in score per unit of the feature, so features in different units do not compare; a summary
    multiplies them by each feature's standard deviation.

    Args:
        score: `[batch, ..., *feature] -> [batch, ..., target]`.
        x: float `[batch, *feature]`.

    Returns:
        values `[batch, target, *feature]`.

    Simonyan, Vedaldi, Zisserman: Deep Inside Convolutional Networks (2013), without the absolute value.

    Example:
        >>> import torch
        >>> from rltools.testing import PlainFunction
        >>> from rltools.attributions.gradient import gradient
        >>> score = PlainFunction(lambda x: (x**2).sum(1, keepdim=True), outputs=1)
        >>> x = torch.tensor([[1.0, -2.0]])
        >>> gradient(score, x).values.tolist()
        [[[2.0, -4.0]]]
    """
    return Result(score.gradients(x).movedim(0, 1))
