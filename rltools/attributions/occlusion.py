"""What the score loses without a feature."""

import torch
from torch import Tensor

from rltools.attributions._support.coalitions import Groups
from rltools.attributions._support.draws import DrawSums
from rltools.attributions._support.method import Result, TargetFunction, method
from rltools.attributions._support.perturbation import copies_for, entry_parts, lost_without, replacements_for


@method(
    unit="score",
    needs={"references"},
    axioms={"linear", "dummy", "symmetric", "invariant"},
    forwards=lambda features, references, settings: (
        copies_for(features) * (references if settings["replacement"] == "resample" else 1)
    ),
    copies=lambda features, references, settings: copies_for(features),
)
def occlusion(
    score: TargetFunction, x: Tensor, *, references: Tensor, replacement: str = "resample", groups: Groups | None = None
) -> Result:
    """What the score loses when a feature, or a group of them, is replaced by other values.

    Signed: positive where the score falls without the feature. One feature at a time, the others as they are: where
    features belong together the state may be one that no episode has, so its replacement belongs to every result.

    Args:
        score: `[batch, ..., *feature] -> [batch, ..., target]`.
        x: float `[batch, *feature]`.
        references: float `[reference, *feature]`.
        replacement: "resample", the values of each reference, of which the mean loss is taken; "mean", the mean of the
            references; "zero", which leaves them unused.
        groups: positions in row-major order of the entries that are replaced together; None for each by itself. A
            group's value is spread evenly over its entries.

    Returns:
        values `[batch, target, *feature]` in units of the score.

    Raises:
        ArgumentError: another replacement; an entry in no group, or in two.

    Zeiler, Fergus: Visualizing and Understanding Convolutional Networks (2014).

    Example:
        >>> import torch
        >>> from rltools.testing import PlainFunction
        >>> from rltools.attributions.occlusion import occlusion
        >>> score = PlainFunction(lambda x: (x**2).sum(1, keepdim=True), outputs=1)
        >>> x = torch.tensor([[1.0, -2.0]])
        >>> occlusion(score, x, references=torch.zeros(1, 2)).values.tolist()
        [[[1.0, 4.0]]]
    """
    parts = entry_parts(x, groups)
    replaced = replacements_for(x, references, replacement)
    with torch.no_grad():
        sums = DrawSums(len(replaced), leave_one_out=score.leave_one_out)
        for stand_in in replaced:  # one at a time, to bound the memory
            sums.add(parts.spread(lost_without(score, x, stand_in, parts, score.most_copies)))
        return Result(sums.mean(), without=sums.without())
