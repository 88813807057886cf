"""How often the decision stays the same when the unimportant features are masked (AUM)."""

from rltools.metrics._support.case import Case
from rltools.metrics._support.masking import accuracy
from rltools.metrics._support.metric import Question, metric
from rltools.metrics._support.value import Value


@metric(
    question=Question.FAITHFULNESS,
    paper="Xiong et al.: XRL-Bench: A Benchmark for Evaluating and Comparing Explainable Reinforcement Learning "
    "Techniques, KDD 2024 (arXiv:2402.12685)",
    better="higher",
    needs={"policy"},
    low=0,
    high=1,
    counts="step",
    blind="What the agent needs over a whole episode: every step is changed by itself.",
)
def aum(case: Case) -> Value:
    """How far the decision stays the same while the least important features are masked (AUM).

    In each step features are ranked by the magnitude of their values, whatever the sign, and 1, 2, ... of the least
    important are replaced together by those of visited states. XRL-Bench replaces by 0, which is a value like any
    other, and takes the better of two sign rules; here there is one.

    Args:
        case: an attribution with the policy.

    Returns:
        From 0 to 1, the mean over numbers of masked features; of continuous actions 1 minus the mean distance as a
        share of their range.

    Raises:
        NotApplicableError: a single feature, or a continuous action without bounds.

    Example:
        >>> from rltools.metrics import find_metric
        >>> find_metric("aum").better
        'higher'
    """
    return accuracy(case, "unimportant")
