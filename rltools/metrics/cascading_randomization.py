"""How far the order of the features survives random weights, from the last layer down."""

from rltools.metrics._support.case import Case
from rltools.metrics._support.metric import Question, metric
from rltools.metrics._support.value import Value
from rltools.metrics._support.weights import order_kept


@metric(
    question=Question.RANDOMIZATION,
    paper="Adebayo et al.: Sanity Checks for Saliency Maps, NeurIPS 2018",
    better="lower",
    needs={"policy"},
    low=-1,
    high=1,
    counts="step",
    blind="Whether a map that depends on the weights is right.",
)
def cascading_randomization(case: Case) -> Value:
    """How far the order of the features survives random weights, from the last layer down.

    The layers on which the decision depends are drawn anew one after another, from the last one to the first. Every
    parameter is drawn from a normal distribution with the mean and the std of its elements, and afterwards gets its
    value back, bit by bit.

    Args:
        case: an attribution with a policy that has a network.

    Returns:
        The mean rank correlation of the features by magnitude, before and after, over layers, four networks and steps:
        1 for a map that does not depend on what the network learned.

    Raises:
        NotApplicableError: the policy is a plain function, or there is a single feature.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=2, max_steps=20)
        >>> recording = rltools.explain(recording, policy, method="gradient")
        >>> table = rltools.assess(recording, policy, "cascading_randomization", steps=8)
        >>> float(table["random"][0]), bool(table["value"][0] < 1)
        (1.0, True)
    """
    return order_kept(case, cascading=True)
