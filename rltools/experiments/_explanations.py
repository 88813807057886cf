"""Which attributions an experiment has: its methods and targets, and the controls beside them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from rltools.attributions import find_method
from rltools.experiments.file import Experiment, MethodChoice
from rltools.explanation.references import VISITED

# A fixed list, not every installed control, so that the same file gives the same results everywhere.
CONTROLS = (MethodChoice(name="random"), MethodChoice(name="std", references=256))
"""256 visited states estimate a standard deviation to within a few percent."""
FEWEST_COMPARED = 2


@dataclass(frozen=True)
class Explanation:
    """One attribution of a recording.

    Attributes:
        choice: the method, with the number of references if it compares with any.
        target: as text; None for the default one of the agent.
        beside: for a control, which is the same in every state, the methods at whose steps it is computed.
    """

    choice: MethodChoice
    target: str | None
    beside: tuple[MethodChoice, ...] = ()

    @property
    def identity(self) -> str:
        """What tells its files from those of others: the settings with their defaults, and the target."""
        return json.dumps([_settings(self.choice), self.target, [_settings(choice) for choice in self.beside]])


def _settings(choice: MethodChoice) -> dict[str, Any]:
    settings = choice.model_dump(mode="json", exclude={"targets"})
    return settings | {"parameters": find_method(choice.name).settings(choice.parameters)}


def explanations(plan: Experiment) -> tuple[Explanation, ...]:
    """The attributions of an experiment, in the order of its methods and targets, controls last."""
    listed: dict[str, Explanation] = {}
    choices = [_with_references(choice, plan) for choice in compared_methods(plan)]
    scoring = [choice for choice in choices if "decision" not in find_method(choice.name).needs]
    others = tuple(choice for choice in choices if not find_method(choice.name).control)
    of_others = (target for choice in scoring if choice in others for target in choice.targets or plan.targets)
    compared = tuple(dict.fromkeys(of_others)) or plan.targets
    for choice in choices:
        control = find_method(choice.name).control
        targets = choice.targets or (compared if control else plan.targets)
        for target in targets if choice in scoring else (None,):
            explanation = Explanation(choice, target, others if control else ())
            listed.setdefault(explanation.identity, explanation)
    return tuple(listed.values())


def _with_references(choice: MethodChoice, plan: Experiment) -> MethodChoice:
    """A method with the number of references that it has in an experiment; None if it compares with none."""
    compares = "references" in find_method(choice.name).needs
    references = choice.references or plan.references or VISITED
    return choice.model_copy(update={"references": references if compares else None})


def compared_methods(plan: Experiment) -> tuple[MethodChoice, ...]:
    """The methods of an experiment, followed by its controls.

    With two or more methods that attribute a score, both controls are added unless the file lists them; with
    `controls: false` none are.
    """
    listed = [choice for choice in plan.methods if find_method(choice.name).control]
    own = [choice for choice in plan.methods if choice not in listed]
    scoring = [choice for choice in own if "decision" not in find_method(choice.name).needs]
    added = CONTROLS if plan.controls and len(scoring) >= FEWEST_COMPARED else ()
    names = {choice.name for choice in listed}
    return (*own, *listed, *(choice for choice in added if choice.name not in names))
