"""The return as features are shown one after another in the order of an attribution."""

from rltools.metrics._support.case import Case
from rltools.metrics._support.metric import Question, metric
from rltools.metrics._support.order_curves import along_order
from rltools.metrics._support.value import Value


@metric(
    question=Question.FAITHFULNESS,
    paper="Samek et al.: Evaluating the Visualization of What a Deep Neural Network Has Learned, 2017, and Petsiuk, "
    "Das and Saenko: RISE, BMVC 2018, in whole episodes",
    better="higher",
    needs={"ablation"},
    low=float("-inf"),
    high=1,
    counts="seed",
    blind="Which of several features is needed, where each can stand in for the other; and returns need not fall with "
    "every feature.",
)
def insertion(case: Case) -> Value:
    """How far the return rises as features are shown, the most important first.

    The higher the mean return over 1, 2, ... shown features, the better the order. Every set of
    features along the order was hidden in whole episodes.

    Args:
        case: with all coalitions measured, or with the sets along its order: see `rltools.assess`, `curve_seeds`.

    Returns:
        0 for the mean over random orders, 1 for the best order, below 0 if a random order is better.

    Raises:
        NotApplicableError: not all sets were measured, or every order has the same curve.

    Example:
        >>> from rltools.metrics import find_metric
        >>> find_metric("insertion").counts
        'seed'
    """
    return along_order(case, showing=True)
