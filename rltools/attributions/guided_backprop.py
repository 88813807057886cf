"""The gradient, with ReLUs passing back positive values only."""

from torch import Tensor

from rltools.attributions._support.captum.calls import attributed
from rltools.attributions._support.method import method
from rltools.attributions._support.result import Result
from rltools.attributions._support.units import Unit
from rltools.targets.function import TargetFunction


@method(
    unit=Unit.SCORE_PER_UNIT,
    needs={"gradient", "network"},
    axioms={"linear", "dummy", "symmetric"},
    cost=2,
)
def guided_backprop(f: TargetFunction, x: Tensor) -> Result:
    """The gradient with every ReLU passing back positive values only: sharp maps of what excites the network.

    Sharper than the gradient, and less specific to the decision: much of the map is the same for every target, even for
    a network with random weights. For a network without ReLUs it is the plain gradient.

    Computed by Captum (extra `captum`), through hooks on modules; it refuses a network with a ReLU that hooks would
    miss.

    Args:
        f: the target function, `[batch, ..., *feature] -> [batch, ..., target]`, of a network.
        x: float `[batch, *feature]`.

    Returns:
        values `[batch, target, *feature]` per unit of the feature.

    Raises:
        ArgumentError: Captum is missing; a ReLU is a function or a module called twice; the policy is a function.

    Springenberg, Dosovitskiy, Brox, Riedmiller: Striving for Simplicity (2014); Adebayo, Gilmer, Muelly, Goodfellow,
    Hardt, Kim: Sanity Checks for Saliency Maps (2018) on its limits.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("lavagap-cnn-ppo")
        >>> observations = rltools.record(policy, episodes=1, max_steps=4).episode(0).observations
        >>> rltools.attribute(policy, observations, method="guided_backprop").values.shape
        (4, 1, 42, 42, 3)
    """
    return Result(attributed("guided_backprop", "GuidedBackprop", f, x))
