"""A control: importance that depends on the states, not on the network."""

from torch import Tensor

from rltools.attributions._support.method import method
from rltools.attributions._support.result import Result
from rltools.attributions._support.units import Unit
from rltools.targets.function import TargetFunction


@method(unit=Unit.RANK, needs={"references"}, cost=0)
def std(f: TargetFunction, x: Tensor, *, references: Tensor) -> Result:
    """Control: how much each feature varies over the references, the same at every state.

    It does not depend on the network, so a method that does no better shows how features vary, and not how the agent
    uses them. Only the order means anything. Many references make it stable: `explain(references=1000)`.

    Args:
        f: the target function, for its number of targets; never evaluated.
        x: float `[batch, *feature]`.
        references: float `[reference, *feature]`.

    Returns:
        values `[batch, target, *feature]`, the standard deviation, in units of the feature; 0 for one reference.

    Example:
        >>> import torch
        >>> from rltools.testing import PlainFunction
        >>> from rltools.attributions.std import std
        >>> f = PlainFunction(lambda x: (x**2).sum(1, keepdim=True), outputs=1)
        >>> x = torch.tensor([[1.0, -2.0]])
        >>> std(f, x, references=torch.tensor([[0.0, 0.0], [2.0, 0.0]])).values.tolist()
        [[[1.0, 0.0]]]
    """
    values = references.std(0, correction=0)
    return Result(values.expand(len(x), f.outputs, *values.shape).clone())
