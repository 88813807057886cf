"""The loss of the feature that an attribution names first, relative to the largest loss."""

from rltools.metrics._support.case import Case
from rltools.metrics._support.metric import Question, metric
from rltools.metrics._support.not_applicable import NotApplicableError
from rltools.metrics._support.value import Value
from rltools.stats import captured_loss as captured


@metric(
    question=Question.FAITHFULNESS,
    paper="Järvelin and Kekäläinen: Cumulated Gain-Based Evaluation of IR Techniques, 2002, of the first place",
    better="higher",
    needs={"ablation"},
    low=float("-inf"),
    high=1,
    counts="feature",
    blind="Everything but the first place.",
)
def captured_loss(case: Case) -> Value:
    """The measured loss of the feature named first, relative to the largest measured loss.

    So naming the second of two features that cannot be told apart costs next to nothing.

    Args:
        case: with measured losses.

    Returns:
        At most 1, which is the feature of the largest loss; below 0 if the agent does better without the named one.

    Raises:
        NotApplicableError: nothing was measured, there is a single feature, or no loss is above 0.

    Example:
        >>> from rltools.metrics import find_metric
        >>> find_metric("captured_loss").blind
        'Everything but the first place.'
    """
    compared = case.compared
    if not compared.losses.value.max() > 0:
        raise NotApplicableError("no feature is needed: no measured loss is above 0")
    return compared.value(captured)
