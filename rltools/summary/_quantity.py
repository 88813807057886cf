"""What the values of an attribution are, in words: for axes, legends and captions."""

from __future__ import annotations

from dataclasses import dataclass

from rltools._util.glossary import TERMS, method_title
from rltools._util.text import listed, plural
from rltools.attributions import Unit, is_control, is_per_feature_unit
from rltools.recording import Recording
from rltools.summary._data import DECISION
from rltools.targets.scores import target_name, target_noun

MOST_NAMED = 3
"""The most elements of an action that a unit names."""


@dataclass(frozen=True)
class Quantity:
    """The values of an attribution in words.

    Attributes:
        method: the method: "Shapley values".
        target: what is explained: "the score of the action taken (centered)".
        unit: to be read after "in": "units of the score", "units of the action (torque)", "percent".
        highest: the largest value that there can be; None for no limit.
        bars: how to read a bar: "in how many of 32 replacements another action follows"; "" if `unit` says it.
        of_action: whether the target is the decision itself, whose recorded number is the position of an action, or an
            action rescaled to its range: pages name the action instead.
    """

    method: str
    target: str
    unit: str
    highest: float | None
    bars: str
    of_action: bool


def quantity_of(recording: Recording, key: str, *, standardized: bool = False) -> Quantity:
    """The values of a recorded attribution in words.

    Args:
        recording: the recording that has the attribution.
        key: its folder name.
        standardized: whether values per unit of a feature are multiplied by its std.

    Raises:
        UnknownNameError: there is no such attribution.

    Example:
        >>> import rltools
        >>> from rltools.summary import quantity_of
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=1, max_steps=20)
        >>> recording = rltools.explain(recording, policy, method="decision_change", target="decision", references=8)
        >>> quantity = quantity_of(recording, recording.find())
        >>> quantity.bars, quantity.highest
        ('in how many of 8 replacements another action follows', 1.0)
    """
    spec = recording.spec(key)
    of_action = spec.target == DECISION
    bars = ""
    if of_action:
        references = recording.attribution_of(key, episodes=[]).references
        count = "the" if references is None else f"{len(references)}"
        if any(label.startswith(f"{DECISION}:") for label in spec.labels):  # the dimensions of a continuous action
            bars = f"how far the action moves, as a share of its range, on average over {count} replacements"
        else:
            bars = f"in how many of {count} replacements another action follows"
    return Quantity(
        method_title(spec.method, standardized=standardized and is_per_feature_unit(spec.unit)),
        target_name(spec.target),
        unit_words(spec.unit, spec.target, recording.header.action_names, standardized=standardized),
        1.0 if spec.unit == Unit.SHARE else None,
        bars,
        of_action,
    )


def unit_words(unit: str, target: str, actions: tuple[str, ...] = (), *, standardized: bool = False) -> str:
    """The unit of attributions, to be read after "in".

    >>> unit_words("score", "centered:chosen"), unit_words("score", "action:all", ("torque",))
    ('units of the score', 'units of the action (torque)')
    >>> unit_words("score per unit", "value"), unit_words("share", "decision")
    ('units of the value per unit of the feature', 'percent')
    """
    noun = target_noun(target)
    named = f"units of the {noun}"
    if noun == "action" and actions:
        elements = plural(len(actions), "element") if len(actions) > MOST_NAMED else listed(actions)
        named += f" ({elements})"
    if unit == Unit.SHARE:
        return "percent"
    if is_control(unit):
        return "numbers of which only the order means anything"
    if unit == Unit.SQUARED_SCORE:
        return f"squared {named}"
    if unit == Unit.SCORE_PER_STD or (is_per_feature_unit(unit) and standardized):
        return TERMS["per_std"].name.replace("score", named)
    return f"{named} per unit of the feature" if is_per_feature_unit(unit) else named
