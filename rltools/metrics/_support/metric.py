"""The declaration of a metric: its question, paper, direction, needs and range."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, get_args

from rltools._util.text import first_line
from rltools.errors import ArgumentError
from rltools.metrics._support.controls import Control

if TYPE_CHECKING:
    from rltools.metrics._support.case import Case
    from rltools.metrics._support.value import Value


class Question(StrEnum):
    """The question that a metric answers, in the order of tables.

    Example:
        >>> from rltools.metrics import Question
        >>> [str(question) for question in Question][:2]
        ['faithfulness', 'randomization']
    """

    FAITHFULNESS = "faithfulness"
    """Does it name what the agent needs, or what its decision depends on?"""
    RANDOMIZATION = "randomization"
    """Does it depend on what the network learned?"""
    ROBUSTNESS = "robustness"
    """Does it stay the same where it should?"""
    COMPLETENESS = "completeness"
    """Do its values add up to what it explains?"""
    COMPLEXITY = "complexity"
    """Can a person take it in?"""


MEANINGS = {
    Question.FAITHFULNESS: "Does it name what the agent needs, or what its decision depends on?",
    Question.RANDOMIZATION: "Does it depend on what the network learned?",
    Question.ROBUSTNESS: "Does it stay the same where it should?",
    Question.COMPLETENESS: "Do its values add up to what it explains?",
    Question.COMPLEXITY: "Can a person take it in?",
}
"""Each question in words."""
Better = Literal["higher", "lower"]
NEEDS = ("policy", "ablation")
"""What a metric may need beside the recording: the policy, and measured losses."""


@dataclass(frozen=True)
class Metric:
    """A metric with its declarations.

    Attributes:
        name: of the function, and of its file.
        question: that it answers.
        paper: where it was published.
        better: whether "higher" or "lower" values are better.
        needs: from "policy" and "ablation"; without any it reads the recording alone.
        low: the lower end of its range.
        high: the upper end of its range.
        counts: what its `n` counts, in the singular: "pair", "step".
        controls: maps that know nothing of the agent, which it is also computed for: "random", "std", "constant".
        blind: what it cannot tell, as a sentence.
        function: computes it.

    Example:
        >>> from rltools.metrics import find_metric
        >>> metric = find_metric("loss_concordance")
        >>> metric.better, sorted(metric.needs), (metric.low, metric.high)
        ('higher', ['ablation'], (-1, 1))
    """

    name: str
    question: Question
    paper: str
    better: Better
    needs: frozenset[str]
    low: float
    high: float
    counts: str
    controls: tuple[Control, ...]
    blind: str
    function: Callable[[Case], Value]

    @property
    def description(self) -> str:
        """The first line of the function's docstring."""
        return first_line(self.function)

    @property
    def sort_key(self) -> tuple[int, bool, str]:
        """The order of tables: by question, first what looks at measured losses and recordings, then by name."""
        return list(Question).index(self.question), "policy" in self.needs, self.name

    @property
    def sign(self) -> int:
        """1 if higher is better, -1 if lower is."""
        return 1 if self.better == "higher" else -1

    def __call__(self, case: Case) -> Value:
        """The value of the metric for one attribution.

        Raises:
            NotApplicableError: it does not apply; the message says why.
        """
        return self.function(case)


def metric(
    *,
    question: Question,
    paper: str,
    better: Better,
    low: float,
    high: float,
    counts: str,
    blind: str,
    needs: Collection[str] = (),
    controls: Collection[Control] = ("random", "std"),
) -> Callable[[Callable[[Case], Value]], Metric]:
    """Declare a function to be the metric of its file; see `Metric` for what the arguments mean.

    Raises:
        ArgumentError: needs, controls or a direction that do not exist, a range without width, or an empty text.

    Example:
        >>> import numpy as np
        >>> from rltools.metrics import Question, Value, metric
        >>> from rltools.stats import Jackknife
        >>> @metric(
        ...     question=Question.COMPLEXITY,
        ...     paper="none",
        ...     better="lower",
        ...     low=0,
        ...     high=float("inf"),
        ...     counts="player",
        ...     blind="Whether any of them matters.",
        ... )
        ... def players(case):
        ...     "How many variables there are."
        ...     return Value(Jackknife(np.array(float(len(case.players))), ()), n=len(case.players))
        >>> players.description
        'How many variables there are.'
    """

    def declare(function: Callable[[Case], Value]) -> Metric:
        name = function.__name__
        if unknown := sorted(set(needs) - set(NEEDS)):
            raise ArgumentError(f"metric {name} needs {', '.join(unknown)}; metrics need {', '.join(NEEDS)}")
        if unknown := sorted(set(controls) - set(get_args(Control))):
            raise ArgumentError(
                f"metric {name} has the controls {', '.join(unknown)}; there are {', '.join(get_args(Control))}"
            )
        if better not in get_args(Better):
            raise ArgumentError(f"metric {name} has better={better!r}; it is 'higher' or 'lower'")
        if not low < high:
            raise ArgumentError(f"metric {name} has values from {low} to {high}; the first must be below the second")
        if not (paper and counts and blind):
            raise ArgumentError(f"metric {name} says nothing as its paper, counts or blind; fill in all of them")
        return Metric(
            name=name,
            question=Question(question),
            paper=paper,
            better=better,
            needs=frozenset(needs),
            low=low,
            high=high,
            counts=counts,
            controls=tuple(control for control in get_args(Control) if control in controls),
            blind=blind,
            function=function,
        )

    return declare
