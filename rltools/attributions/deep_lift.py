"""Differences from a reference, propagated back through the network layer by layer."""

from torch import Tensor

from rltools.attributions._support.captum.calls import attributed
from rltools.attributions._support.completeness import end_values, is_complete, residual_of
from rltools.attributions._support.method import method
from rltools.attributions._support.result import Cost, Result
from rltools.attributions._support.units import Unit
from rltools.targets.draws import mean_over_blocks
from rltools.targets.function import TargetFunction


@method(
    unit=Unit.SCORE,
    needs={"gradient", "references", "network"},
    axioms={"linear", "dummy", "complete", "symmetric"},
    cost=lambda parts, references, settings: Cost(4 * references, copies=2),
)
def deep_lift(f: TargetFunction, x: Tensor, *, references: Tensor) -> Result:
    """What each feature adds to the target value, with each activation's change divided among the changes before it.

    The rescale rule, averaged over the references. The values of a row sum to its target value minus the mean over the
    references, up to the residual, which is only rounding unless an observation or an action is clipped. It takes one
    backward pass for each reference, and integrated gradients take sixteen or more; but two networks that compute the
    same function can have different values.

    Computed by Captum (extra `captum`), through hooks on modules; it refuses a network with nonlinearities that hooks
    would miss.

    Args:
        f: the target function, `[batch, ..., *feature] -> [batch, ..., target]`, of a network.
        x: float `[batch, *feature]`.
        references: float `[reference, *feature]`.

    Returns:
        values `[batch, target, *feature]` in units of the target value; residual `[batch, target]`; complete `[batch]`,
        whether the residual is at most 1 % of the target value's standard deviation over the references (of its
        difference, if there is one reference).

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
    values, without = mean_over_blocks(
        lambda block: attributed("deep_lift", "DeepLift", f, x, block), references, leave_one_out=f.leave_one_out
    )
    outputs, baselines = end_values(f, x, references)
    residual = residual_of(values, outputs, baselines)
    return Result(values, residual=residual, complete=is_complete(residual, outputs, baselines), without=without)
