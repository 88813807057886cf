"""Concordance of an attribution with measured losses, weighted by how far the losses are apart."""

from rltools.metrics._support.case import Case
from rltools.metrics._support.metric import Question, metric
from rltools.metrics._support.value import Value
from rltools.stats import loss_concordance as concordance


@metric(
    question=Question.FAITHFULNESS,
    paper="Engelhardt et al. 2024 (doi:10.1007/978-3-031-63800-8_9) for attributions against losses of return; Goodman "
    "and Kruskal: Measures of Association for Cross Classifications, 1954, here weighted by the difference of losses",
    better="higher",
    needs={"ablation"},
    low=-1,
    high=1,
    counts="feature",
    blind="What two variables are needed for together: a variable whose loss is 0 beside an intact copy counts as "
    "not needed.",
)
def loss_concordance(case: Case) -> Value:
    """Whether the attribution orders the features as their measured losses of return do.

    The sum over pairs of sign agreement times |difference of losses|, divided by the sum of |difference of losses|. So
    a pair whose losses are nearly equal counts as little as it is certain.

    Args:
        case: with measured losses.

    Returns:
        From -1 (reversed) to 1 (the order of the losses), 0 for an unrelated order.

    Raises:
        NotApplicableError: nothing was measured, or there is a single feature.

    Example:
        >>> from rltools.metrics import find_metric
        >>> find_metric("loss_concordance").description
        'Whether the attribution orders the features as their measured losses of return do.'
    """
    return case.compared.value(concordance)
