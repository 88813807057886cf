"""Differences from a reference, handed back through the network layer by layer."""

import torch
from torch import Tensor

from rltools.attributions._support.captum.calls import attributed
from rltools.attributions._support.completeness import is_complete, reference_scores, residual_of
from rltools.attributions._support.draws import mean_of_blocks
from rltools.attributions._support.method import Result, TargetFunction, method


@method(
    unit="score",
    needs={"gradient", "references", "network"},
    axioms={"linear", "dummy", "complete", "symmetric"},
    forwards=lambda features, references, settings: 4 * references,
    copies=lambda features, references, settings: 2,
)
def deep_lift(score: TargetFunction, x: Tensor, *, references: Tensor) -> Result:
    """What each feature adds to the score, with each activation's change shared out over the changes before it.

    The rescale rule; the mean over the references is taken. The values of a row sum to its score minus the mean score
    of the references, up to the residual, which is of rounding alone unless an observation or an action is clipped.
    One backward pass for each reference, where integrated gradients take sixteen or more; two networks that compute
    the same function can have different values.

    Computed by Captum (extra `captum`), through hooks on modules; where hooks would miss what bends, it refuses.

    Args:
        score: `[batch, ..., *feature] -> [batch, ..., target]`, of a network.
        x: float `[batch, *feature]`.
        references: float `[reference, *feature]`.

    Returns:
        values `[batch, target, *feature]` in units of the score; residual `[batch, target]`; complete `[batch]`,
        whether the residual is at most 1 % of the score's standard deviation over the references (of the score's
        difference, where there is one reference).

    Raises:
        ArgumentError: Captum is missing; an activation is a function or a module called twice, or one without a rule;
            the policy is a function.

    Shrikumar, Greenside, Kundaje: Learning Important Features Through Propagating Activation Differences (2017).

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> observations = rltools.record(policy, episodes=1, max_steps=4).episode(0).observations
        >>> rltools.attribute(policy, observations, method="deep_lift", references=observations).values.shape
        (4, 1, 4)
    """
    values, without = mean_of_blocks(
        lambda some: attributed("deep_lift", "DeepLift", score, x, some), references, leave_one_out=score.leave_one_out
    )
    starts = reference_scores(score, x, references)
    with torch.no_grad():
        ends = score(x)
    residual = residual_of(values, ends, starts)
    return Result(values, residual=residual, complete=is_complete(residual, ends, starts), without=without)
