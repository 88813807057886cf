"""Whether the order of the features stays the same with another draw of references or noise."""

import numpy as np

from rltools.metrics._support.case import Case
from rltools.metrics._support.metric import Question, metric
from rltools.metrics._support.not_applicable import NotApplicableError
from rltools.metrics._support.similarity import check_ordered, same_order
from rltools.metrics._support.value import Value, value_of_rows

DRAWS = 4
"""How many other draws the attribution is compared with."""


@metric(
    question=Question.ROBUSTNESS,
    paper="Alvarez-Melis and Jaakkola: On the Robustness of Interpretability Methods, 2018, for draws",
    better="higher",
    needs={"policy"},
    low=-1,
    high=1,
    counts="step",
    controls=("random", "constant"),
    blind="Whether the order is right: a constant map is perfectly stable.",
)
def redraw_stability(case: Case) -> Value:
    """How alike the order of the features stays with other references, noise or orders of the method.

    As many visited states are drawn again as the attribution has, and whatever else the method draws. The random
    control is drawn again too.

    Args:
        case: an attribution with the policy.

    Returns:
        The mean rank correlation of the features by magnitude over steps and four draws, from -1 to 1.

    Raises:
        NotApplicableError: the method draws nothing, or there is a single feature.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=2, max_steps=20)
        >>> recording = rltools.explain(recording, policy, method="shapley")
        >>> table = rltools.assess(recording, policy, "redraw_stability", steps=8)
        >>> float(table["constant"][0])
        1.0
    """
    from rltools.explanation.sampled import draws

    check_ordered(case)
    if not draws(case.spec):
        raise NotApplicableError("the method draws nothing")
    before = case.magnitudes(case.values())
    after = [same_order(before, case.magnitudes(case.values(redraw=draw))) for draw in range(1, DRAWS + 1)]
    return value_of_rows(np.stack(after, axis=1), case.sample.episodes)
