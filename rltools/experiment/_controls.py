"""What a comparison of methods shows beside them: controls, which know nothing of the agent."""

from __future__ import annotations

from rltools.attributions import find_method
from rltools.experiment._file import Experiment, MethodChoice

# Named, and not all that are installed: the same file gives the same results everywhere.
CONTROLS = (MethodChoice(name="random"), MethodChoice(name="deviation", references=256))
"""So many visited states tell a standard deviation within a few percent."""
FEWEST_COMPARED = 2


def compared_methods(plan: Experiment) -> tuple[MethodChoice, ...]:
    """The methods of an experiment, controls last, and with two or more that attribute a score both controls.

    A control that the file lists stays as it is; `controls: false` adds none.
    """
    listed = [choice for choice in plan.methods if find_method(choice.name).control]
    own = [choice for choice in plan.methods if choice not in listed]
    scoring = [choice for choice in own if "decision" not in find_method(choice.name).needs]
    wanted = CONTROLS if plan.controls and len(scoring) >= FEWEST_COMPARED else ()
    there = {choice.name for choice in listed}
    return (*own, *listed, *(choice for choice in wanted if choice.name not in there))
