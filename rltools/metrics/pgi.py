"""How far the score moves when the important features are perturbed (PGI)."""

from rltools.metrics._support.case import Case
from rltools.metrics._support.masking import prediction_gap
from rltools.metrics._support.metric import Question, metric
from rltools.metrics._support.value import Value


@metric(
    question=Question.FAITHFULNESS,
    paper="Xiong et al.: XRL-Bench: A Benchmark for Evaluating and Comparing Explainable Reinforcement Learning "
    "Techniques, KDD 2024 (arXiv:2402.12685)",
    better="higher",
    needs={"policy"},
    low=0,
    high=float("inf"),
    counts="step",
    blind="What the agent needs over a whole episode: every step is changed by itself.",
)
def pgi(case: Case) -> Value:
    """How far the explained score moves with noise on the most important features (PGI).

    In each step features are ranked by the magnitude of their values, whatever the sign, and noise of the features' own
    std is added to 1, 2, ... of the most important. The change is relative to the std of the score over the steps,
    where XRL-Bench has units of the score.

    Args:
        case: an attribution with the policy.

    Returns:
        At least 0, in std of the score.

    Raises:
        NotApplicableError: a single feature, or the score never changes.

    Example:
        >>> from rltools.metrics import find_metric
        >>> find_metric("pgi").better
        'higher'
    """
    return prediction_gap(case, "important")
