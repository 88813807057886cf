"""How much the target value falls without a feature."""

import torch
from torch import Tensor

from rltools.attributions._support.coalitions import Groups
from rltools.attributions._support.method import method
from rltools.attributions._support.perturbation import copies_for, feature_parts, lost_without, replacements_for
from rltools.attributions._support.result import Cost, Result
from rltools.attributions._support.units import Unit
from rltools.targets.function import TargetFunction


@method(
    unit=Unit.SCORE,
    needs={"references"},
    axioms={"linear", "dummy", "symmetric", "invariant"},
    cost=lambda parts, references, settings: Cost(
        copies_for(parts) * (references if settings["replacement"] == "resample" else 1), copies=copies_for(parts)
    ),
)
def occlusion(
    f: TargetFunction, x: Tensor, *, references: Tensor, replacement: str = "resample", groups: Groups | None = None
) -> Result:
    """What the target value loses when a feature, or a group of them, is replaced by other values.

    Signed: positive if the target value falls without the feature. One feature is replaced at a time: if features
    belong together, the state may be one that occurs in no episode, so every result names its replacement.

    Args:
        f: the target function, `[batch, ..., *feature] -> [batch, ..., target]`.
        x: float `[batch, *feature]`.
        references: float `[reference, *feature]`.
        replacement: "resample", the values of each reference in turn, and the mean loss over them; "mean", the mean of
            the references; "zero", which leaves them unused.
        groups: positions in row-major order of the elements that are replaced together; None for each by itself. A
            group's value is spread evenly over its elements.

    Returns:
        values `[batch, target, *feature]` in units of the target value.

    Raises:
        ArgumentError: another replacement; an element in no group, or in two.

    Zeiler, Fergus: Visualizing and Understanding Convolutional Networks (2014).

    Example:
        >>> import torch
        >>> from rltools.testing import PlainFunction
        >>> from rltools.attributions.occlusion import occlusion
        >>> f = PlainFunction(lambda x: (x**2).sum(1, keepdim=True), outputs=1)
        >>> x = torch.tensor([[1.0, -2.0]])
        >>> occlusion(f, x, references=torch.zeros(1, 2)).values.tolist()
        [[[1.0, 4.0]]]
    """
    parts = feature_parts(x, groups)
    replacements = replacements_for(x, references, replacement)
    with torch.no_grad():
        values, without = f.mean_over(
            replacements, lambda replaced_by: parts.spread(lost_without(f, x, replaced_by, parts))
        )
    return Result(values, without=without)
