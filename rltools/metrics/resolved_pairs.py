"""The share of pairs with certainly different losses that an attribution orders right."""

from rltools.metrics._support.case import Case
from rltools.metrics._support.metric import Question, metric
from rltools.metrics._support.not_applicable import NotApplicableError
from rltools.metrics._support.value import Value
from rltools.stats import RESOLVED, ordered_right
from rltools.stats import resolved_pairs as certain_pairs


@metric(
    question=Question.FAITHFULNESS,
    paper="Kendall: A New Measure of Rank Correlation, 1938, over the pairs whose order is certain",
    better="higher",
    needs={"ablation"},
    low=0,
    high=1,
    counts="pair",
    blind="How far apart the losses of a pair are, beyond that they differ.",
)
def resolved_pairs(case: Case) -> Value:
    """The share of pairs of features ordered right, among those whose measured losses certainly differ.

    A pair is resolved if the difference of its losses exceeds two standard errors of the paired differences. Equal
    sizes count as half.

    Args:
        case: with measured losses.

    Returns:
        From 0 to 1, 0.5 for an unrelated order; `n` is the number of resolved pairs.

    Raises:
        NotApplicableError: nothing was measured, there is a single feature, or no pair is resolved.

    Example:
        >>> from rltools.metrics import find_metric
        >>> find_metric("resolved_pairs").counts
        'pair'
    """
    compared = case.compared
    pairs = certain_pairs(compared.losses)
    if not len(pairs[0]):
        raise NotApplicableError(f"no two losses differ by more than {RESOLVED:g} standard errors; measure more seeds")
    return compared.value(lambda sizes, losses: ordered_right(sizes, losses, pairs), len(pairs[0]))
